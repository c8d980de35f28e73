-- housekeeping: partitions made and dropped, old keys and usage purged, one leader.
\set exclusive
\ir lib/setup.psql
SELECT plan(18);

DELETE FROM emailgw.queue; -- all of this undone in the end
DELETE FROM emailgw.idempotency;
DELETE FROM emailgw.usage;
SELECT emailgw_api.housekeeping(7, 90) \gset
SELECT results_eq('SELECT * FROM emailgw_api.housekeeping(7, 90)', 'VALUES (true, 0, 0, 0::bigint)',
          'nothing to do');

INSERT INTO emailgw.idempotency (account_id, domain_id, endpoint, key_hash, body_hash, message_id, created_at)
SELECT :account, :domain, 'email', decode(lpad(h::text, 2, '0'), 'hex'), '\x00', emailgw.uuid7(now()),
          now() - h * interval '1 hour'
  FROM generate_series(23, 27) AS h;
INSERT INTO emailgw.usage (account_id, period, starts_at, slot, sent)
VALUES (:account, 'h', date_trunc('hour', now(), 'UTC'), 1, 1),
    (:account, 'h', now() - interval '3 days', 1, 1),
       (:account, 'd', date_trunc('day', now(), 'UTC'), 1, 1),
           (:account, 'd', date_trunc('month', now(), 'UTC') - interval '2 days', 1, 1),
       (:account, 'm', date_trunc('month', now(), 'UTC'), 1, 1),
           (:account, 'm', date_trunc('month', now(), 'UTC') - interval '1 month', 1, 1);
-- A day has passed: the last partition is still to be made, and usage is looked through.
SELECT format('DROP TABLE %s', max(i.inhrelid::regclass::text)) FROM pg_inherits AS i
 WHERE i.inhparent = 'emailgw.attachment'::regclass \gexec
SELECT is((SELECT purged FROM emailgw_api.housekeeping(7, 90)), 5::bigint, 'what is old is purged');
SELECT is((SELECT array_agg(encode(key_hash, 'hex') ORDER BY key_hash) FROM emailgw.idempotency),
          '{23,24,25}', '... idempotency keys older than a day and an hour');
SELECT is((SELECT string_agg(period::text, '' ORDER BY period) FROM emailgw.usage), 'dhm',
          '... usage of periods that are over');
SELECT is((SELECT hour + day + month FROM emailgw_api.used_quota(:account, now())), 3::bigint,
          '... not what limits count now');

-- Retention: contents go first.
CREATE FUNCTION pg_temp.make_old(p_parent text, p_days integer) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    EXECUTE format('CREATE TABLE emailgw.%I PARTITION OF emailgw.%I FOR VALUES FROM (%L) TO (%L)', p_parent
        || '_old' || p_days,
                   p_parent, emailgw.uuid7_floor(now() - make_interval(days => p_days + 1)),
                   emailgw.uuid7_floor(now() - make_interval(days => p_days)));
END
$$;
SELECT pg_temp.make_old(t, d) FROM unnest('{content,attachment,message,recipient,event}'::text[]) AS t,
          unnest('{30,100}'::integer[]) AS d \o /dev/null \g
\o
SAVEPOINT made;
SELECT is((SELECT dropped FROM emailgw_api.housekeeping(7, 90)), 7,
          'contents of 7 days and events of 90 stay');
SELECT is(ARRAY(SELECT to_regclass('emailgw.' || t || '_old30')::text
          FROM unnest('{content,attachment,message,recipient,event}'::text[]) AS t),
          '{NULL,NULL,emailgw.message_old30,emailgw.recipient_old30,emailgw.event_old30}',
              '... messages as long as events');
ROLLBACK TO made;
SELECT is((SELECT dropped FROM emailgw_api.housekeeping(60, 7)), 5,
          'events stay at least as long as contents');
ROLLBACK TO made;
SELECT is((SELECT dropped FROM emailgw_api.housekeeping(365, 365)), 0, 'a year keeps all');

-- A full disk, on which no partition is made.
INSERT INTO emailgw.idempotency (account_id, domain_id, endpoint, key_hash, body_hash, message_id, created_at)
VALUES (:account, :domain, 'email', '\x99', '\x00', emailgw.uuid7(now()), now() - interval '2 days');
CREATE OR REPLACE FUNCTION emailgw_api.make_partitions() RETURNS integer LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    CREATE TABLE emailgw.half_made (n integer);
    RAISE disk_full USING MESSAGE = 'could not extend file';
END
$$;
SELECT results_eq('SELECT * FROM emailgw_api.housekeeping(7, 90)', 'VALUES (true, 0, 7, 0::bigint)',
          'a full disk: what is old is dropped, as much as ever');
SELECT is(to_regclass('emailgw.half_made')::text, NULL, '... and nothing is left of what failed');
SELECT is((SELECT count(*) FROM emailgw.idempotency WHERE key_hash = '\x99'), 1::bigint,
          '... rows are purged another time');
SELECT throws_ok('SELECT emailgw_api.housekeeping(7, 90)', '53100', 'could not extend file',
          '... with nothing more to drop the failure is told');
ROLLBACK TO made;
-- In what comes after, too.
CREATE OR REPLACE FUNCTION emailgw_api.close_counts(p_limit integer) RETURNS bigint LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RAISE disk_full USING MESSAGE = 'could not extend file';
END
$$;
SELECT is((SELECT dropped FROM emailgw_api.housekeeping(7, 90)), 7, '... also where partitions are there already');
ROLLBACK TO made;

-- Nothing that is needed goes, however short the retention.
SELECT emailgw_api.housekeeping(1, 1) \gset
SELECT results_eq('SELECT made, dropped FROM emailgw_api.housekeeping(1, 1)', 'VALUES (0, 0)',
                  'what make_partitions makes is not dropped by the same round');
SELECT is((SELECT sum(emailgw_api.drop_partitions('{content,attachment,message,recipient,event}', d))
          FROM generate_series(2, 60) AS d),
          0::bigint, '... and what it makes is never older than two days');
SELECT is((pg_temp.send(:account)).status, 0, 'mail goes in');
SELECT relname AS gone FROM pg_class WHERE relnamespace = 'emailgw'::regnamespace
          AND relname ~ '^content_[0-9]+$' ORDER BY relname DESC LIMIT 1 \gset
DROP TABLE emailgw.:gone;
SELECT is((SELECT made FROM emailgw_api.housekeeping(365, 365)), 1, 'what is missing is made');

SELECT * FROM finish();
ROLLBACK;
