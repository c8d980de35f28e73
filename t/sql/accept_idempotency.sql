-- accept with an idempotency key: one mail and one answer in 24 hours.
\ir lib/setup.psql
SELECT plan(21);

SELECT message_id AS first FROM pg_temp.send(:account, p_idempotency => '\x11', p_tags => '{a}') \gset
SELECT is((SELECT count(*) FROM emailgw.message WHERE account_id = :account), 1::bigint,
          'a key once: a mail');
PREPARE again AS
SELECT status, message_id, replayed FROM pg_temp.send($1, p_idempotency => $2, p_body => $3);

SELECT results_eq($$ EXECUTE again($$ || :account || $$, '\x11', '\xb0') $$,
                  $$ VALUES (0, '$$ || :'first' || $$'::uuid, true) $$,
                      'the same body again: the first answer');
SELECT results_eq($$ EXECUTE again($$ || :account || $$, '\x11', '\xb1') $$,
                  $$ VALUES (409, '$$ || :'first' || $$'::uuid, true) $$, 'another body: 409');
SELECT is((SELECT count(*) FROM emailgw.queue WHERE account_id = :account), 1::bigint, 'neither sends');
SELECT results_eq($$ SELECT status, replayed FROM pg_temp.send($$ || :account
          || $$, p_idempotency => '\x11', p_id => '$$ || :'first' || $$') $$,
                  'VALUES (0, false)', 'the same message id again is no replay');
SELECT results_eq($$ SELECT status, replayed FROM pg_temp.send($$ || :account
          || $$, p_idempotency => '\x12') $$,
                  'VALUES (0, false)', 'another key: another mail');
SELECT results_eq($$ SELECT status, replayed FROM pg_temp.send($$ || :account || $$) $$,
                  'VALUES (0, false)', 'no key: another mail');

-- Scope: the domain, whichever of its keys asks.
SELECT pg_temp.new_domain(:account, 'example.org') AS second \gset
SELECT pg_temp.new_key(:account, :second, '\x02'), pg_temp.new_key(:account, :domain, '\x03') \gset
SELECT results_eq($$ SELECT status, replayed FROM pg_temp.send($$ || :account
          || $$, '\x02', p_idempotency => '\x11', p_from_domain => 'example.org') $$,
                  'VALUES (0, false)', 'the key under another domain is another');
SELECT results_eq($$ SELECT status, message_id::text, replayed FROM pg_temp.send($$ || :account
          || $$, '\x03', p_idempotency => '\x11') $$,
                  $$ VALUES (0, '$$ || :'first' || $$', true) $$,
                      'the key under another key of the domain is the same');
SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_key(:other, pg_temp.new_domain(:other, 'example.com'), '\x01') \gset
SELECT results_eq($$ SELECT status, replayed FROM pg_temp.send($$ || :other
          || $$, p_idempotency => '\x11') $$,
                  'VALUES (0, false)', 'the key under another account is another');

-- What would be refused by now.
SAVEPOINT refused;
INSERT INTO emailgw.suppression (account_id, address, reason) VALUES (:account, 'ann@example.net', 'test');
UPDATE emailgw.account SET own_limits = '{hour}', sends_per_hour = 0 WHERE account_id = :account;
SELECT results_eq($$ EXECUTE again($$ || :account || $$, '\x11', '\xb0') $$,
                  $$ VALUES (0, '$$ || :'first' || $$'::uuid, true) $$,
                      'the first answer also past suppression and quota');
SELECT is((pg_temp.send(:account, p_idempotency => '\x13')).status, 14, '... where a new key is refused');
SELECT is((SELECT count(*) FROM emailgw.idempotency WHERE account_id = :account AND key_hash = '\x13'),
          0::bigint,
          'a refusal is not kept');
ROLLBACK TO refused;
SELECT is((pg_temp.send(:account, p_idempotency => '\x13')).status, 0,
          '... so that the key may be used afterwards');
UPDATE emailgw.account SET status = 'disabled' WHERE account_id = :account;
SELECT is((pg_temp.send(:account, p_idempotency => '\x11')).status, 12,
          'a failure to authenticate comes first');
ROLLBACK TO refused;

-- Age.
UPDATE emailgw.idempotency SET created_at = now() - interval '23 hours 59 minutes'
 WHERE account_id = :account AND domain_id = :domain AND key_hash = '\x11';
SELECT results_eq($$ EXECUTE again($$ || :account || $$, '\x11', '\xb0') $$,
                  $$ VALUES (0, '$$ || :'first' || $$'::uuid, true) $$,
                      'a minute before 24 hours: the first answer');
UPDATE emailgw.idempotency SET created_at = now() - interval '24 hours'
 WHERE account_id = :account AND domain_id = :domain AND key_hash = '\x11';
SELECT status AS late_status, message_id AS late, replayed AS late_replayed
  FROM pg_temp.send(:account, p_idempotency => '\x11', p_body => '\xb2') \gset
SELECT ok(:late_status = 0 AND :'late' <> :'first' AND NOT :'late_replayed'::boolean,
          'after 24 hours: another mail, whatever its body');
SELECT results_eq($$ EXECUTE again($$ || :account || $$, '\x11', '\xb2') $$,
                  $$ VALUES (0, '$$ || :'late' || $$'::uuid, true) $$,
                      '... whose answer counts from then on');
SELECT is((pg_temp.send(:account, p_idempotency => '\x11')).status, 409, '... and no longer the first');

-- The rule itself.
SELECT is((SELECT count(*) FROM emailgw_api.idempotent_answer(:account, :domain, 'email', '\x99', '\xb0')),
          0::bigint,
          'idempotent_answer: none for a free key');
SELECT is((SELECT count(*) FROM emailgw_api.idempotent_answer(:account, :domain, 'other', '\x11', '\xb2')),
          0::bigint,
          'idempotent_answer: none for another endpoint');

SELECT * FROM finish();
ROLLBACK;
