-- begin_batch, end_batch: a batch under an idempotency key has one answer in 24 hours.
\ir lib/setup.psql
SELECT plan(23);

PREPARE begin_batch AS SELECT status, domain_name, unsubscribe_link, answer FROM emailgw_api.begin_batch($1, $2, $3, $4);
PREPARE end_batch AS SELECT answer FROM emailgw_api.end_batch($1, $2, $3, $4, $5);

-- The sender key.
SELECT results_eq(format('EXECUTE begin_batch(%s, ''\x01'', NULL, NULL)', :account), $$ VALUES (0, 'example.com', false, NULL::text) $$,
                  'without an idempotency key: the domain');
SELECT is(pg_temp.rows_of(:account, 'idempotency'), 0, '... and nothing is kept');
SELECT is((emailgw_api.begin_batch(:account, '\x99', '\x11', '\xb0')).status, 13, 'an unknown key');
SELECT pg_temp.new_key(:account, :domain, '\x05', 'events') \gset
SELECT is((emailgw_api.begin_batch(:account, '\x05', '\x11', '\xb0')).status, 113, 'a key that may not send');
SELECT pg_temp.new_account() AS other \gset
SELECT is((emailgw_api.begin_batch(:other, '\x01', '\x11', '\xb0')).status, 13, 'the key of another account');
SELECT is(pg_temp.rows_of(:account, 'idempotency'), 0, '... and nothing is kept of any');

-- Begun, then ended.
SELECT results_eq(format('EXECUTE begin_batch(%s, ''\x01'', ''\x11'', ''\xb0'')', :account), $$ VALUES (0, 'example.com', false, NULL::text) $$,
                  'the first time');
SELECT results_eq(format('EXECUTE begin_batch(%s, ''\x01'', ''\x11'', ''\xb0'')', :account), $$ VALUES (0, 'example.com', false, NULL::text) $$,
                  'again before it has ended: it goes on');
SELECT is((emailgw_api.begin_batch(:account, '\x01', '\x11', '\xb1')).status, 409, '... but not with another body');
SELECT is((emailgw_api.begin_batch(:account, '\x01', '\x11', '\xb1')).answer, NULL, '... which is told nothing');
UPDATE emailgw.idempotency SET created_at = now() - interval '1 hour' WHERE account_id = :account;
SELECT is(emailgw_api.end_batch(:account, '\x01', '\x11', '\xb0', 'first'), 'first', 'its answer');
SELECT is((SELECT created_at FROM emailgw.idempotency WHERE account_id = :account), now(), '... is kept from now on');
SELECT is(emailgw_api.end_batch(:account, '\x01', '\x11', '\xb0', 'second'), 'first', 'a second answer: the first counts');
SELECT is(emailgw_api.end_batch(:account, '\x01', '\x11', '\xb1', 'other'), 'other', 'the answer to another body is its own affair');
SELECT is((emailgw_api.begin_batch(:account, '\x01', '\x11', '\xb0')).answer, 'first', 'the same batch again: the answer');
SELECT is((emailgw_api.begin_batch(:account, '\x01', '\x11', '\xb1')).status, 409, 'another body');
SELECT is((emailgw_api.begin_batch(:account, '\x01', '\x11', '\xb1')).answer, NULL, '... is told nothing of it');

-- Scope: the domain, and batches alone.
SELECT pg_temp.new_domain(:account, 'second.example') AS second \gset
SELECT pg_temp.new_key(:account, :second, '\x02'), pg_temp.new_key(:account, :domain, '\x03') \gset
SELECT is((emailgw_api.begin_batch(:account, '\x03', '\x11', '\xb0')).answer, 'first', 'another key of the domain has it');
SELECT is((emailgw_api.begin_batch(:account, '\x02', '\x11', '\xb1')).status, 0, 'a key of another domain has not');
SELECT results_eq($$ SELECT status, replayed FROM pg_temp.send($$ || :account || $$, p_idempotency => '\x11', p_body => '\xb9') $$,
                  'VALUES (0, false)', 'a mail alone has not');

-- A day later.
UPDATE emailgw.idempotency SET created_at = now() - interval '23 hours 59 minutes' WHERE account_id = :account;
SELECT is((emailgw_api.begin_batch(:account, '\x01', '\x11', '\xb0')).answer, 'first', 'nearly a day later: the answer');
UPDATE emailgw.idempotency SET created_at = now() - interval '24 hours' WHERE account_id = :account;
SELECT results_eq(format('EXECUTE begin_batch(%s, ''\x01'', ''\x11'', ''\xb1'')', :account), $$ VALUES (0, 'example.com', false, NULL::text) $$,
                  'a day later the key is free');
SELECT is((emailgw_api.begin_batch(:account, '\x01', '\x11', '\xb0')).status, 409, '... for the new body alone');

SELECT * FROM finish();
ROLLBACK;
