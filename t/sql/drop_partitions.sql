-- drop_partitions: what is old goes, unless a queue row points into it.
\set exclusive
\ir lib/setup.psql
SELECT plan(10);

DELETE FROM emailgw.queue; -- undone in the end
-- A partition of each table for one week, p_days ago at its end.
CREATE FUNCTION pg_temp.make_old(p_parent text, p_days integer) RETURNS regclass
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_ends CONSTANT timestamptz := now() - make_interval(days => p_days);
BEGIN
    EXECUTE format('CREATE TABLE emailgw.%I PARTITION OF emailgw.%I FOR VALUES FROM (%L) TO (%L)', p_parent
        || '_old' || p_days,
                   p_parent, emailgw.uuid7_floor(v_ends - interval '1 day'), emailgw.uuid7_floor(v_ends));
    RETURN format('emailgw.%I', p_parent || '_old' || p_days)::regclass;
END
$$;
SELECT emailgw_api.make_partitions() \gset
SELECT emailgw_api.drop_partitions('{content,attachment,message,recipient,event}', 30) \gset
SELECT is(emailgw_api.drop_partitions('{content,attachment,message,recipient,event}', 30), 0,
          'nothing old: nothing dropped');

SELECT pg_temp.make_old(t, d) FROM unnest('{content,attachment,message,recipient,event}'::text[]) AS t,
          unnest('{30,40}'::integer[]) AS d \o /dev/null \g
\o
SAVEPOINT made;
SELECT is(emailgw_api.drop_partitions('{content,attachment}', 35), 2,
          'two tables, one partition old enough of each');
SELECT is((SELECT array_agg(to_regclass('emailgw.' || n)::text ORDER BY n)
          FROM unnest('{content_old30,attachment_old30,message_old40,content_old40}'::text[]) AS n),
          '{emailgw.attachment_old30,emailgw.content_old30,NULL,emailgw.message_old40}',
              '... the others stay');
SELECT is(emailgw_api.drop_partitions('{content}', 30), 1, 'a partition that ends exactly then is old');
ROLLBACK TO made;
SELECT is(emailgw_api.drop_partitions('{content}', 31), 1, '... a day before it is not');
ROLLBACK TO made;

-- A queue row pins the partitions of its message.
INSERT INTO emailgw.queue (account_id, message_id, recipient_no, domain_id, email, lane, ready, next_at,
    size_bytes)
VALUES (:account, emailgw.uuid7(now() - interval '40 days 1 hour'), 1, :domain, 'ann@example.net', 1, false,
    now() + interval '1 day', 1);
SELECT is(emailgw_api.drop_partitions('{content,attachment,message,recipient,event}', 20), 5,
          'only those that nothing points into');
SELECT is((SELECT array_agg(to_regclass('emailgw.' || t || '_old40')::text ORDER BY t)
          FROM unnest('{content,message}'::text[]) AS t),
          '{emailgw.content_old40,emailgw.message_old40}',
              '... what is in the queue keeps its message and its content');
UPDATE emailgw.queue SET message_id = emailgw.uuid7_floor(now() - interval '40 days');
SELECT is(emailgw_api.drop_partitions('{content}', 20), 1,
          'a message at the end of a partition is not in it');
UPDATE emailgw.queue SET message_id = emailgw.uuid7_floor(now() - interval '41 days');
SELECT is(emailgw_api.drop_partitions('{message}', 20), 0, 'one at its beginning is');
DELETE FROM emailgw.queue;
SELECT is(emailgw_api.drop_partitions('{message,recipient,event}', 20), 3, 'with the queue empty they go');

SELECT * FROM finish();
ROLLBACK;
