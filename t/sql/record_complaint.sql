-- record_complaint: one event and one entry on the suppression list, once for a recipient.
\ir lib/setup.psql
SELECT plan(16);

SELECT message_id AS id FROM pg_temp.send(:account, p_emails => '{Ann@Example.NET,bob@example.org}', p_tags => '{a}') \gset
INSERT INTO emailgw.webhook (account_id, domain_id, url, events) VALUES (:account, :domain, 'https://hook.example/', '{10}');
SELECT emailgw_api.refresh_webhooks(:account, :domain) \gset
SELECT pg_temp.new_account() AS other \gset

SELECT ok(NOT emailgw_api.record_complaint(:other, :'id', 1, NULL), 'another account''s mail');
SELECT ok(NOT emailgw_api.record_complaint(:account, emailgw.uuid7(now()), 1, NULL), 'no mail');
SELECT ok(NOT emailgw_api.record_complaint(:account, :'id', 3, NULL), 'no recipient');
SELECT is((SELECT count(*) FROM emailgw.event AS e WHERE e.message_id = :'id' AND e.type = 10), 0::bigint, '... nothing is told');
SELECT is(pg_temp.rows_of(:account, 'suppression'), 0, '... and nobody suppressed');

SELECT ok(emailgw_api.record_complaint(:account, :'id', 1, '{"ua": "loop"}'), 'a complaint');
SELECT results_eq(format('SELECT e.domain_id, e.recipient_no::integer, e.email, e.detail, e.at = now() FROM emailgw.event AS e WHERE e.message_id = %L AND e.type = 10', :'id'),
          format($$ VALUES (%s::bigint, 1, 'Ann@Example.NET', '{"ua": "loop"}'::jsonb, true) $$, :domain), '... is an event');
SELECT is((SELECT array_agg(d.tag || ':' || d.count ORDER BY d.tag) FROM emailgw.daily_count AS d WHERE d.account_id = :account AND d.type = 10),
          '{:1,a:1}', '... is counted');
SELECT is((SELECT count(*) FROM emailgw.webhook_queue AS q JOIN emailgw.event AS e USING (account_id, event_id)
            WHERE q.account_id = :account AND e.type = 10), 1::bigint, '... is posted');
SELECT results_eq(format('SELECT s.address, s.domain_id, s.reason, s.message_id FROM emailgw.suppression AS s WHERE s.account_id = %s', :account),
          format($$ VALUES ('ann@example.net', 0::bigint, 'complaint', %L::uuid) $$, :'id'), '... and suppresses the address');
SELECT is((SELECT a.status FROM pg_temp.send(:account, p_emails => '{ann@example.net}') AS a), 14, '... so that a later mail is refused');

SELECT ok(NOT emailgw_api.record_complaint(:account, :'id', 1, NULL), 'the same again');
SELECT is((SELECT count(*) FROM emailgw.event AS e WHERE e.message_id = :'id' AND e.type = 10), 1::bigint, '... is no event more');
SELECT ok(emailgw_api.record_complaint(:account, :'id', 2, NULL), 'another recipient''s');

SELECT message_id AS simulated FROM pg_temp.send(:account, p_emails => '{complaint@simulator.invalid}') \gset
SELECT ok(emailgw_api.record_complaint(:account, :'simulated', 1, NULL), 'the simulator''s');
SELECT is((SELECT a.status FROM pg_temp.send(:account, p_emails => '{complaint@simulator.invalid}') AS a), 0, '... can be had again');

SELECT * FROM finish();
ROLLBACK;
