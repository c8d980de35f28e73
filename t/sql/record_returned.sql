-- record_returned: one bounce, once, for the recipient that the return path names.
\ir lib/setup.psql
SELECT plan(42);

INSERT INTO emailgw.webhook (account_id, domain_id, url, events) VALUES (:account, :domain, 'https://hook.example/', '{4,10}');
SELECT emailgw_api.refresh_webhooks(:account, :domain) \gset
SELECT pg_temp.new_account() AS other \gset

-- A mail to two that was taken, and what a report says of an address.
SELECT message_id AS id FROM pg_temp.send(:account, p_emails => '{Ann@Example.NET,bob@example.org}', p_tags => '{a}') \gset
CREATE FUNCTION pg_temp.end_all(p_id uuid, p_result emailgw.recipient_status) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    DELETE FROM emailgw.queue WHERE message_id = p_id;
    UPDATE emailgw.recipient SET status = p_result, attempts = 1 WHERE message_id = p_id;
$$;
SELECT pg_temp.end_all(:'id', 'delivered') \gset
CREATE FUNCTION pg_temp.says(p_text text, p_suppress boolean) RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
    SELECT jsonb_build_object('smtp', jsonb_build_object('code', 550, 'enhanced', '5.1.1', 'text', p_text),
                              'bounce', jsonb_strip_nulls(jsonb_build_object('class', 'recipient', 'reported', true,
                                                                             'suppress', nullif(p_suppress, false))))
$$;
CREATE FUNCTION pg_temp.come_back(p_account_id bigint, p_id uuid, p_no integer, p_kind text DEFAULT 'bounce',
                                  p_host text DEFAULT 'eg.example.com', p_settled boolean DEFAULT false) RETURNS text
LANGUAGE sql VOLATILE
AS $$
    SELECT r.status FROM emailgw_api.record_returned(p_account_id, p_id, p_no, p_host, p_kind, '{"",x@example.org,ANN@example.net}',
        ARRAY[pg_temp.says('somebody', false), pg_temp.says('x', true), pg_temp.says('unknown', true)], p_settled) AS r
$$;
CREATE FUNCTION pg_temp.told(p_id uuid) RETURNS bigint
LANGUAGE sql STABLE
AS $$ SELECT count(*) FROM emailgw.event AS e WHERE e.message_id = p_id AND e.type IN (4, 10) $$;

SELECT is(pg_temp.come_back(:other, :'id', 1), 'unknown', 'another account''s mail');
SELECT is(pg_temp.come_back(:account, emailgw.uuid7(now()), 1), 'gone', 'no mail');
SELECT is(pg_temp.come_back(:account, :'id', 3), 'gone', 'no recipient');
SELECT is(pg_temp.come_back(:account, :'id', 1, p_host => h), 'unknown', 'to ' || h)
  FROM unnest('{example.com,eg.example.org,eg.example.com.example.org,x.eg.example.com,egexample.com,.example.com,""}'::text[]) AS h;
SELECT is(pg_temp.come_back(:account, :'id', 1, k), 'ignored', k || ' says nothing')
  FROM unnest('{delay,success,answer,other}'::text[]) AS k;
SELECT is(pg_temp.told(:'id'), 0::bigint, '... nothing is told');
SELECT is(pg_temp.rows_of(:account, 'suppression'), 0, '... and nobody suppressed');

SELECT is(pg_temp.come_back(:account, :'id', 1, p_host => 'EG.Example.COM'), 'recorded', 'a bounce');
SELECT results_eq(format('SELECT e.domain_id, e.type::integer, e.recipient_no::integer, e.email, e.detail, e.at = now() FROM emailgw.event AS e WHERE e.message_id = %L AND e.type = 4', :'id'),
          format($$ VALUES (%s::bigint, 4, 1, 'Ann@Example.NET', '{"attempt": 1}' || pg_temp.says('unknown', true), true) $$, :domain),
          '... is an event with what is said of this recipient');
SELECT is((SELECT array_agg(d.tag || ':' || d.count ORDER BY d.tag) FROM emailgw.daily_count AS d WHERE d.account_id = :account AND d.type = 4),
          '{:1,a:1}', '... is counted');
SELECT is((SELECT count(*) FROM emailgw.webhook_queue AS q JOIN emailgw.event AS e USING (account_id, event_id)
            WHERE q.account_id = :account AND e.type = 4), 1::bigint, '... is posted');
SELECT results_eq(format('SELECT s.address, s.domain_id, s.reason, s.message_id, s.reply FROM emailgw.suppression AS s WHERE s.account_id = %s', :account),
          format($$ VALUES ('ann@example.net', 0::bigint, 'bounce', %L::uuid, '550 5.1.1 unknown') $$, :'id'), '... and suppresses the address');
SELECT is((SELECT r.status::text FROM emailgw.recipient AS r WHERE r.message_id = :'id' AND r.recipient_no = 1), 'bounced', '... and its end');
SELECT is(pg_temp.come_back(:account, :'id', 1), 'again', 'the same again');
SELECT is(pg_temp.come_back(:account, :'id', 1, p_host => 'former.example.com'), 'again', '... at the host of another sub-domain');
SELECT is(pg_temp.told(:'id'), 1::bigint, '... is no event more');

SELECT is(pg_temp.come_back(:account, :'id', 2), 'recorded', 'a report that names somebody else');
SELECT is((SELECT e.detail #>> '{smtp,text}' FROM emailgw.event AS e WHERE e.message_id = :'id' AND e.recipient_no = 2 AND e.type = 4), 'somebody',
          '... counts as its first element says');
SELECT is(pg_temp.rows_of(:account, 'suppression'), 1, '... which suppresses nobody here');

SELECT is(pg_temp.come_back(:account, :'id', 2, 'complaint'), 'recorded', 'a complaint of a mail that bounced');
SELECT is(pg_temp.come_back(:account, :'id', 2, 'complaint'), 'again', '... again');
SELECT is((SELECT count(*) FROM emailgw.event AS e WHERE e.message_id = :'id' AND e.type = 10), 1::bigint, '... is one event');
SELECT is((SELECT s.reason FROM emailgw.suppression AS s WHERE s.account_id = :account AND s.address = 'bob@example.org'), 'complaint', '... and suppresses');

-- The report may be faster than the sender's record of the delivery.
SELECT message_id AS early FROM pg_temp.send(:account, p_emails => '{dan@example.org}') \gset
UPDATE emailgw.queue AS q SET leased = true WHERE q.message_id = :'early';
SELECT is(pg_temp.come_back(:account, :'early', 1), 'early', 'of a mail that a sender has in hand');
SELECT is(pg_temp.told(:'early'), 0::bigint, '... nothing is told yet');
SELECT is(pg_temp.come_back(:account, :'early', 1, p_settled => true), 'recorded', '... but in the end');
SELECT is((SELECT r.status::text FROM emailgw.recipient AS r WHERE r.message_id = :'early'), 'queued', '... and the sender has its say');
SELECT pg_temp.end_all(:'early', 'delivered') \gset
SELECT is(pg_temp.come_back(:account, :'early', 1), 'again', '... which makes no second bounce of it');

-- A mail has one bounce, whoever tells of it.
SELECT message_id AS ended FROM pg_temp.send(:account, p_emails => '{carl@example.org}') \gset
SELECT is((SELECT pg_temp.come_back(:account, :'ended', 1) FROM pg_temp.end_all(:'ended', e.status::emailgw.recipient_status)), e.said, e.status)
  FROM (VALUES ('bounced', 'again'), ('expired', 'again'), ('suppressed', 'ignored'), ('cancelled', 'ignored')) AS e (status, said);
SELECT is(pg_temp.told(:'ended'), 0::bigint, '... none of them');

SELECT * FROM finish();
ROLLBACK;
