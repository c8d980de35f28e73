-- record_tracks: opens, clicks and unsubscribes: what is told of them, who is counted.
\ir lib/setup.psql
SELECT plan(60);

SELECT message_id AS id FROM pg_temp.send(:account, p_emails => '{Ann@Example.NET,bob@example.org,cid@example.org}', p_tags => '{a}') \gset
SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_domain(:account, 'second.example') AS second \gset
SELECT pg_temp.new_key(:account, :second, '\x02') AS second_key \gset
INSERT INTO emailgw.webhook (account_id, domain_id, url, events) VALUES (:account, :domain, 'https://hook.example/', '{7,8,9}');
SELECT emailgw_api.refresh_webhooks(:account, :domain) \gset
-- Delivered a minute ago.
UPDATE emailgw.recipient SET finished_at = now() - interval '1 minute', status = 'delivered' WHERE account_id = :account AND message_id = :'id';

-- An id of its own, or the no-th of this test.
CREATE FUNCTION pg_temp.id(p_no integer) RETURNS uuid
LANGUAGE sql STABLE
AS $$ SELECT overlay(emailgw.uuid7_floor(now())::text PLACING '7000-8000-' || lpad(p_no::text, 12, '0') FROM 15)::uuid $$;
CREATE FUNCTION pg_temp.track(p_account_id bigint, p_message_id uuid, p_no integer, p_type integer, p_recipient_no integer DEFAULT 1,
                              p_machine boolean DEFAULT false, p_at timestamptz DEFAULT now(), p_detail jsonb DEFAULT '{"ip": "192.0.2.1", "ua": "x"}')
RETURNS boolean
LANGUAGE sql VOLATILE
AS $$
    SELECT r.known FROM emailgw_api.record_tracks(ARRAY[p_account_id], ARRAY[ROW(pg_temp.id(p_no), p_message_id, p_recipient_no,
           p_type, p_at, p_machine, p_detail)::emailgw_api.track]) AS r
$$;
CREATE FUNCTION pg_temp.counts(p_account_id bigint, p_tag text DEFAULT '') RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT string_agg(c.type || ':' || c.count, ' ' ORDER BY c.type)
      FROM (SELECT d.type, sum(d.count) AS count FROM emailgw.daily_count AS d
             WHERE d.account_id = p_account_id AND d.tag = p_tag AND d.type > 6 GROUP BY d.type) AS c
$$;
CREATE FUNCTION pg_temp.events(p_message_id uuid, p_type integer) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT string_agg(e.recipient_no || (CASE WHEN e.detail @> '{"machine": true}' THEN 'm' ELSE '' END), ' ' ORDER BY e.event_id)
      FROM emailgw.event AS e WHERE e.message_id = p_message_id AND e.type = p_type
$$;
-- As the sender records it, which may be late: to all recipients, so many seconds ago.
CREATE FUNCTION pg_temp.deliver(p_account_id bigint, p_message_id uuid, p_age double precision) RETURNS integer
LANGUAGE sql VOLATILE
AS $$
    UPDATE emailgw.queue AS q SET leased = true WHERE q.account_id = p_account_id AND q.message_id = p_message_id;
    SELECT o.recorded
      FROM pg_temp.record_outcomes((SELECT jsonb_agg(jsonb_build_object('account_id', q.account_id, 'message_id', q.message_id,
              'recipient_no', q.recipient_no, 'attempt', q.attempt, 'result', 'delivered', 'age', p_age))
                                      FROM emailgw.queue AS q WHERE q.account_id = p_account_id AND q.message_id = p_message_id)) AS o
$$;

SELECT ok(NOT pg_temp.track(:other, :'id', 1, 7), 'another account''s mail');
SELECT ok(NOT pg_temp.track(:account, emailgw.uuid7(now()), 1, 7), 'no mail');
SELECT ok(NOT pg_temp.track(:account, :'id', 1, 9, 4), 'no recipient');
SELECT is(pg_temp.counts(:account), NULL, '... nothing is told');
SELECT is(pg_temp.rows_of(:account, 'suppression'), 0, '... and nobody suppressed');

SELECT ok(pg_temp.track(:account, :'id', 1, 7), 'an open');
SELECT results_eq(format('SELECT e.event_id, e.domain_id, e.recipient_no::integer, e.email, e.detail, e.at = now() FROM emailgw.event AS e WHERE e.message_id = %L AND e.type = 7', :'id'),
          format($$ VALUES (pg_temp.id(1), %s::bigint, 1, 'Ann@Example.NET', '{"ip": "192.0.2.1", "ua": "x", "machine": false}'::jsonb, true) $$, :domain), '... is an event');
SELECT is(pg_temp.counts(:account), '7:1 107:1', '... is counted, as the first one, too');
SELECT is(pg_temp.counts(:account, 'a'), '7:1 107:1', '... for its tag');
SELECT is((SELECT count(*) FROM emailgw.webhook_queue AS q WHERE q.account_id = :account AND q.event_id = pg_temp.id(1)), 1::bigint, '... is posted');
SELECT is(current_setting('synchronous_commit'), 'off', '... and need not be on disk');

SELECT ok(pg_temp.track(:account, :'id', 1, 7), 'the same one again');
SELECT is(pg_temp.counts(:account), '7:1 107:1', '... changes nothing');
SELECT ok(pg_temp.track(:account, :'id', 2, 7), 'a second open');
SELECT is(pg_temp.counts(:account), '7:2 107:1', '... is no first');

SELECT ok(pg_temp.track(:account, :'id', 3, 7, 2, true), 'a machine''s open');
SELECT is(pg_temp.counts(:account), '7:3 107:1', '... is no person''s');
SELECT is(pg_temp.events(:'id', 7), '1 1 2m', '... and marked');
SELECT ok(pg_temp.track(:account, :'id', 4, 7, 2), 'then the person''s');
SELECT is(pg_temp.counts(:account), '7:4 107:2', '... is the first');

SELECT ok(pg_temp.track(:account, :'id', 5, 8, 3, false, now() - interval '58.1 seconds', '{"url": "https://a.example/"}'), 'a click 1.9 s after the delivery');
SELECT ok(pg_temp.track(:account, :'id', 6, 8, 3, false, now() - interval '61 seconds', '{"url": "https://a.example/"}'), '... and one before it');
SELECT is(pg_temp.counts(:account), '7:4 8:2 107:2', '... are machines''');
SELECT is(pg_temp.events(:'id', 8), '3m 3m', '... and marked');
SELECT is(current_setting('synchronous_commit'), 'on', '... but on disk');
SELECT ok(pg_temp.track(:account, :'id', 7, 8, 3, false, now() - interval '58 seconds', '{"url": "https://a.example/"}'), 'one after 2 s');
SELECT is(pg_temp.counts(:account), '7:4 8:3 107:2 108:1', '... is a person''s');

SELECT ok(pg_temp.track(:account, :'id', 8, 9), 'an unsubscribe');
SELECT is(pg_temp.events(:'id', 9), '1', '... is an event');
SELECT is((SELECT count(*) FROM emailgw.webhook_queue AS q WHERE q.account_id = :account AND q.event_id = pg_temp.id(8)), 1::bigint, '... is posted');
SELECT results_eq(format('SELECT s.address, s.domain_id, s.reason, s.message_id FROM emailgw.suppression AS s WHERE s.account_id = %s', :account),
          format($$ VALUES ('ann@example.net', %s::bigint, 'unsubscribe', %L::uuid) $$, :domain, :'id'), '... and suppresses the address for the domain');
SELECT is((SELECT a.status FROM pg_temp.send(:account, p_emails => '{ann@example.net}') AS a), 14, '... so that a later mail is refused');
SELECT is((SELECT a.status FROM pg_temp.send(:account, '\x02', '{ann@example.net}', 'second.example') AS a), 0, '... but not one of another domain');
SELECT ok(pg_temp.track(:account, :'id', 9, 9), 'another one');
SELECT is(pg_temp.counts(:account), '7:4 8:3 9:1 107:2 108:1', '... is not told');
DELETE FROM emailgw.suppression WHERE account_id = :account;
SELECT ok(pg_temp.track(:account, :'id', 10, 9), '... but when the address was taken off the list');
SELECT is(pg_temp.rows_of(:account, 'suppression'), 1, '... it comes back');
SELECT is(pg_temp.events(:'id', 9), '1', '... without an event');

-- Many at once, some of them twice, of one recipient and of several.
SELECT message_id AS many FROM pg_temp.send(:account, p_emails => '{dan@example.org,eve@example.org}') \gset
UPDATE emailgw.recipient SET finished_at = now() - interval '1 minute', status = 'delivered' WHERE account_id = :account AND message_id = :'many';
SELECT is((SELECT count(*) FROM emailgw_api.record_tracks(
       ARRAY(SELECT :account::bigint FROM generate_series(1, 40)),
       ARRAY(SELECT ROW(pg_temp.id(100 + n % 37), :'many', 1 + n % 37 % 2, 7 + n % 37 % 3, now(), n % 37 = 3, '{}')::emailgw_api.track FROM generate_series(0, 39) AS n)) AS r
        WHERE r.known), 40::bigint, 'many at once');
SELECT is((SELECT string_agg(e.type || ':' || e.count, ' ' ORDER BY e.type)
             FROM (SELECT e.type, count(*) AS count FROM emailgw.event AS e WHERE e.message_id = :'many' AND e.type > 6 GROUP BY e.type) AS e),
          '7:13 8:12 9:2', '... each once');
SELECT is(pg_temp.counts(:account), '7:17 8:15 9:3 107:4 108:3', '... and counted once');
SELECT is((SELECT sum(d.count) FROM emailgw.daily_count AS d WHERE d.account_id = :account AND d.type IN (107, 108) AND d.tag = ''),
          (SELECT count(DISTINCT (e.message_id, e.recipient_no, e.type)) FROM emailgw.event AS e
            WHERE e.account_id = :account AND e.type IN (7, 8) AND NOT e.detail @> '{"machine": true}')::numeric,
          'persons are counted as the events say');

-- Told late, since the database was away, which the delivery has to be told to as well: before or after them.
SELECT message_id AS late FROM pg_temp.send(:account, p_emails => '{fay@example.org,gus@example.org}') \gset
SELECT ok(pg_temp.track(:account, :'late', 200, 7, 1, false, now() - interval '8 seconds'), 'an open before a delivery is recorded');
SELECT is(pg_temp.events(:'late', 7), '1m', '... is a machine''s');
SELECT ok(pg_temp.track(:account, :'late', 201, 7, 1, false, now() - interval '20 seconds'), 'one that is told late');
SELECT pg_temp.deliver(:account, :'late', 40) \gset
SELECT ok(pg_temp.track(:account, :'late', 202, 7, 2, false, now() - interval '20 seconds'), '... and one after the delivery, which was told late');
SELECT is(pg_temp.events(:'late', 7), '1m 1 2', '... are persons''');

-- Without end: machines and persons have their bounds, each type and each recipient its own.
CREATE FUNCTION pg_temp.hammer(p_account_id bigint, p_message_id uuid, p_no integer, p_type integer, p_count integer, p_machine boolean,
                               p_recipient_no integer DEFAULT 1) RETURNS bigint
LANGUAGE sql VOLATILE
AS $$
    SELECT count(*) FROM emailgw_api.record_tracks(array_fill(p_account_id, ARRAY[p_count]), ARRAY(
           SELECT ROW(pg_temp.id(p_no + n), p_message_id, p_recipient_no, p_type, now() + n * interval '1 us', p_machine, '{}')::emailgw_api.track
             FROM generate_series(1, p_count) AS n)) AS r WHERE r.known
$$;
CREATE FUNCTION pg_temp.told(p_message_id uuid) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT string_agg(concat_ws(':', e.type, e.recipient_no, e.count), ' ' ORDER BY e.type, e.recipient_no)
      FROM (SELECT e.type, e.recipient_no, count(*) FROM emailgw.event AS e WHERE e.message_id = p_message_id AND e.type > 6
             GROUP BY e.type, e.recipient_no) AS e
$$;
SELECT message_id AS worn FROM pg_temp.send(:account, p_emails => '{hal@example.org,ida@example.org}', p_tags => '{worn}') \gset
SELECT pg_temp.deliver(:account, :'worn', 60) \gset
SELECT is(pg_temp.hammer(:account, :'worn', 1000, 7, 150, true) + pg_temp.hammer(:account, :'worn', 1150, 7, 150, true), 300::bigint, 'machines: the mail is known');
SELECT is(pg_temp.told(:'worn'), '7:1:200', '... 200 of their opens are events');
SELECT is(pg_temp.counts(:account, 'worn'), '7:200', '... and counted');
SELECT is(pg_temp.hammer(:account, :'worn', 2000, 7, 500, false), 500::bigint, 'persons');
SELECT is(pg_temp.told(:'worn'), '7:1:400', '... 400 with those of machines');
SELECT is(pg_temp.counts(:account, 'worn'), '7:400 107:1', '... the first one of a person is among them');
SELECT is((SELECT count(*) FROM emailgw.webhook_queue AS q WHERE q.account_id = :account AND q.message_id = :'worn'), 400::bigint, '... and each is posted');
SELECT pg_temp.hammer(:account, :'worn', 3000, 8, 500, false), pg_temp.hammer(:account, :'worn', 4000, 7, 1, false, 2) \gset
SELECT pg_temp.hammer(:account, :'worn', 3000, 8, 500, false), pg_temp.track(:account, :'worn', 5000, 9) \gset
SELECT is(pg_temp.told(:'worn'), '7:1:400 7:2:1 8:1:400 9:1:1', 'clicks, another recipient and unsubscribing have bounds of their own');
SELECT is(pg_temp.counts(:account, 'worn'), '7:401 8:400 9:1 107:2 108:1', '... and counters say so');
SELECT is((SELECT sum(d.count) FROM emailgw.daily_count AS d WHERE d.account_id = :account AND d.type IN (7, 8) AND d.tag = ''),
          (SELECT count(*) FROM emailgw.event AS e WHERE e.account_id = :account AND e.type IN (7, 8))::numeric, '... as all events do');

-- Whatever else there is between the mails of a call.
INSERT INTO emailgw.recipient (account_id, message_id, recipient_no, kind, email)
SELECT :account, emailgw.uuid7(now()), n, 'to', 'x@example.org' FROM generate_series(1, 3000) AS n;
CREATE FUNCTION pg_temp.rows_read() RETURNS numeric LANGUAGE sql VOLATILE
AS $$ SELECT sum(pg_stat_get_xact_tuples_fetched(i.inhrelid) + pg_stat_get_xact_tuples_returned(i.inhrelid))
        FROM pg_inherits AS i WHERE i.inhparent IN ('emailgw.recipient'::regclass, 'emailgw.message'::regclass, 'emailgw.event'::regclass) $$;
SELECT pg_temp.rows_read() AS before \gset
SELECT count(*) FROM emailgw_api.record_tracks(ARRAY[:account, :account], ARRAY[
       ROW(pg_temp.id(900), emailgw.uuid7_floor(now()), 1, 8, now(), false, '{}'),
       ROW(pg_temp.id(901), :'many', 1, 8, now(), false, '{}')]::emailgw_api.track[]) \gset
SELECT cmp_ok(pg_temp.rows_read() - :before, '<=', 10::numeric, 'found by a probe each, however many there are');

SELECT results_eq(format('SELECT * FROM emailgw_api.get_unsubscribe(%s, %L, 1)', :account, :'id'),
          $$ VALUES ('Ann@Example.NET', 'example.com') $$, 'get_unsubscribe');
SELECT is_empty(format('SELECT * FROM emailgw_api.get_unsubscribe(%s, %L, 1)', :other, :'id'), '... not another account''s');

SELECT * FROM finish();
ROLLBACK;
