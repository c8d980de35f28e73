-- accept for a mail that was handed in by SMTP: its credential in the place of a key,
-- what that stands in for, how long a mail is known again, when it was last used.
\ir lib/setup.psql
SELECT plan(38);

CREATE FUNCTION pg_temp.new_credential(p_account_id bigint, p_domain_id bigint, p_hash bytea,
                                       p_from_email text DEFAULT '', p_from_name text DEFAULT '',
                                       p_reply_to_email text DEFAULT '', p_reply_to_name text DEFAULT '')
RETURNS bigint
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO emailgw.smtp_credential (account_id, domain_id, password_hash, from_email, from_name, reply_to_email,
                                         reply_to_name)
    VALUES (p_account_id, p_domain_id, p_hash, p_from_email, p_from_name, p_reply_to_email, p_reply_to_name)
    RETURNING smtp_id
$$;
SELECT pg_temp.new_credential(:account, :domain, '\x51') AS smtp \gset
SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_credential(:other, pg_temp.new_domain(:other, 'example.com'), '\x51') AS foreign \gset

-- authenticate_smtp.
PREPARE login AS SELECT status, domain_id, domain_name FROM emailgw_api.authenticate_smtp($1, $2, $3);
SELECT results_eq(format($$ EXECUTE login(%s, %s, '\x51') $$, :account, :smtp),
                  format($$ VALUES (0, %s::bigint, 'example.com') $$, :domain), 'a good password');
SELECT results_eq(format($$ EXECUTE login(%s, %s, '\x52') $$, :account, :smtp),
                  'VALUES (13, NULL::bigint, NULL::text)', 'a wrong one: 13');
SELECT results_eq(format($$ EXECUTE login(%s, %s, '\x51') $$, :account, :smtp + 64),
                  'VALUES (13, NULL::bigint, NULL::text)', 'an id that nobody has: 13');
SELECT results_eq(format($$ EXECUTE login(%s, %s, '\x51') $$, :account, :foreign),
                  'VALUES (13, NULL::bigint, NULL::text)', 'another account''s: 13');
SELECT results_eq(format($$ EXECUTE login(%s, %s, NULL) $$, :account, :smtp),
                  'VALUES (13, NULL::bigint, NULL::text)', 'none: 13');
SAVEPOINT states;
UPDATE emailgw.smtp_credential SET deleted_at = now() WHERE account_id = :account;
SELECT is((emailgw_api.authenticate_smtp(:account, :smtp, '\x51')).status, 13, 'deleted: 13');
ROLLBACK TO states;
UPDATE emailgw.domain SET status = 'Pending' WHERE account_id = :account;
SELECT is((emailgw_api.authenticate_smtp(:account, :smtp, '\x51')).status, 32, 'a domain that may not send: 32');
UPDATE emailgw.account SET status = 'disabled' WHERE account_id = :account;
SELECT is((emailgw_api.authenticate_smtp(:account, :smtp, '\x51')).status, 12, 'a disabled account: 12');
UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = :account;
SELECT is((emailgw_api.authenticate_smtp(:account, :smtp, '\x51')).status, 2, 'a deleted domain: 2');
ROLLBACK TO states;

-- accept: the credential decides as a key does.
PREPARE hand_in AS
SELECT status FROM pg_temp.send($1, $2, p_smtp_id => $3, p_raw => '\x61', p_from_domain => $4);
SELECT results_eq(format($$ EXECUTE hand_in(%s, '\x51', %s, 'example.com') $$, :account, :smtp), 'VALUES (0)', 'taken');
SELECT results_eq(format($$ EXECUTE hand_in(%s, '\x52', %s, 'example.com') $$, :account, :smtp), 'VALUES (13)',
                  'a wrong password: 13');
SELECT results_eq(format($$ EXECUTE hand_in(%s, '\x01', %s, 'example.com') $$, :account, :smtp), 'VALUES (13)',
                  'a key''s hash is no password: 13');
SELECT is((pg_temp.send(:account, '\x51')).status, 13, 'nor a password a key: 13');
SELECT results_eq(format($$ EXECUTE hand_in(%s, '\x51', %s, 'example.com') $$, :account, :foreign), 'VALUES (13)',
                  'another account''s credential: 13');
SELECT results_eq(format($$ EXECUTE hand_in(%s, '\x51', %s, 'sub.example.com') $$, :account, :smtp), 'VALUES (0)',
                  'From in a subdomain: 0');
SELECT results_eq(format($$ EXECUTE hand_in(%s, '\x51', %s, 'example.org') $$, :account, :smtp), 'VALUES (3)',
                  'From in another domain: 3');
UPDATE emailgw.domain SET status = 'Suspended' WHERE account_id = :account;
SELECT results_eq(format($$ EXECUTE hand_in(%s, '\x51', %s, 'example.com') $$, :account, :smtp), 'VALUES (32)',
                  'a suspended domain: 32');
ROLLBACK TO states;
INSERT INTO emailgw.suppression (account_id, address, domain_id, reason) VALUES (:account, 'ann@example.net', 0, 'x');
SELECT results_eq(format($$ EXECUTE hand_in(%s, '\x51', %s, 'example.com') $$, :account, :smtp), 'VALUES (14)',
                  'a suppressed recipient: 14');
ROLLBACK TO states;
UPDATE emailgw.account SET own_limits = '{hour}', sends_per_hour = 1 WHERE account_id = :account;
SELECT results_eq(format($$ EXECUTE hand_in(%s, '\x51', %s, 'example.com') $$, :account, :smtp), 'VALUES (0)',
                  'within the limit: 0');
SELECT results_eq(format($$ EXECUTE hand_in(%s, '\x51', %s, 'example.com') $$, :account, :smtp), 'VALUES (17)',
                  'over it: 17');
ROLLBACK TO states;

-- What is stored, and what the credential stands in for.
SELECT message_id AS id FROM pg_temp.send(:account, '\x51', p_smtp_id => :smtp, p_raw => '\x0001') \gset
SELECT results_eq(format($$ SELECT m.api_key_id, m.smtp_id, m.from_email, m.from_name, c.raw, c.html, c.plain,
                                   c.reply_to::text
                              FROM emailgw.message AS m JOIN emailgw.content AS c USING (account_id, message_id)
                             WHERE m.message_id = %L $$, :'id'),
                  format($$ VALUES (NULL::bigint, %s::bigint, 'sender@example.com', 'Sender', '\x0001'::bytea,
                                    NULL::text, NULL::text, '[]') $$, :smtp), 'the message and its credential');
SELECT is((SELECT c.raw FROM emailgw_api.get_contents(ARRAY[:account::bigint], ARRAY[:'id'::uuid]) AS c), '\x0001'::bytea,
          'the sender gets it as it is');
SELECT is((pg_temp.send(:account, '\x51', p_smtp_id => :smtp, p_raw => '\x61', p_from => NULL)).status, 3,
          'no From, and the credential has none: 3');
SELECT pg_temp.new_credential(:account, :domain, '\x53', 'shop@example.com', 'The Shop', 're@example.org', 'Re') AS full \gset
SELECT message_id AS id FROM pg_temp.send(:account, '\x53', p_smtp_id => :full, p_raw => '\x61', p_from => NULL) \gset
PREPARE fields AS
SELECT m.from_email, m.from_name, c.reply_to
  FROM emailgw.message AS m JOIN emailgw.content AS c USING (account_id, message_id) WHERE m.message_id = $1;
SELECT results_eq(format($$ EXECUTE fields(%L) $$, :'id'),
                  $$ VALUES ('shop@example.com', 'The Shop', '[{"name": "Re", "email": "re@example.org"}]'::jsonb) $$,
                  'From and Reply-To of the credential');
SELECT message_id AS id FROM pg_temp.send(:account, '\x53', p_smtp_id => :full, p_raw => '\x61',
                                          p_reply_to => '[{"email": "own@example.com", "name": ""}]') \gset
SELECT results_eq(format($$ EXECUTE fields(%L) $$, :'id'),
                  $$ VALUES ('sender@example.com', 'Sender', '[{"name": "", "email": "own@example.com"}]'::jsonb) $$,
                  'its own, where it has them');

-- Known again: by a key for a day, by what it is for an hour; not by keys of the API.
PREPARE again AS
SELECT status, replayed FROM pg_temp.send($1, '\x51', p_smtp_id => $2, p_raw => '\x61', p_idempotency => $3, p_endpoint => $4,
                                          p_body => $5);
SELECT results_eq(format($$ EXECUTE again(%s, %s, '\x21', 'smtp', '\xb0') $$, :account, :smtp), 'VALUES (0, false)', 'a key');
SELECT results_eq(format($$ EXECUTE again(%s, %s, '\x21', 'smtp', '\xb0') $$, :account, :smtp), 'VALUES (0, true)',
                  '... again: the same mail');
SELECT results_eq(format($$ EXECUTE again(%s, %s, '\x21', 'smtp', '\xb1') $$, :account, :smtp), 'VALUES (409, true)',
                  '... with another content: 409');
SELECT results_eq(format($$ EXECUTE again(%s, %s, '\x22', 'smtp content', '\xb0') $$, :account, :smtp), 'VALUES (0, false)',
                  'no key');
SELECT results_eq(format($$ EXECUTE again(%s, %s, '\x22', 'smtp content', '\xb0') $$, :account, :smtp), 'VALUES (0, true)',
                  '... again: the same mail');
SELECT results_eq(format($$ SELECT status, replayed FROM pg_temp.send(%s, p_idempotency => '\x21') $$, :account),
                  'VALUES (0, false)', 'the same key by the API: another mail');
UPDATE emailgw.idempotency SET created_at = now() - interval '61 minutes' WHERE account_id = :account;
SELECT results_eq(format($$ EXECUTE again(%s, %s, '\x21', 'smtp', '\xb0') $$, :account, :smtp), 'VALUES (0, true)',
                  'after an hour a key holds');
SELECT results_eq(format($$ EXECUTE again(%s, %s, '\x22', 'smtp content', '\xb0') $$, :account, :smtp), 'VALUES (0, false)',
                  '... and what it is does not');
ROLLBACK TO states;

-- When it was last used, and webhooks all the same.
SELECT webhook_id FROM emailgw_api.add_webhook(:account, :domain, 'https://hooks.example.org/', '{2}', 100) \gset
UPDATE emailgw.domain SET last_used_at = now() WHERE account_id = :account;
SELECT message_id AS id FROM pg_temp.send(:account, '\x51', p_smtp_id => :smtp, p_raw => '\x61') \gset
UPDATE emailgw.queue SET leased = true, attempt = 1, ready = false WHERE message_id = :'id';
SELECT is((SELECT last_used_at FROM emailgw.smtp_credential WHERE smtp_id = :smtp), NULL, 'not used yet');
SELECT results_eq(format($$ SELECT recorded, fenced FROM pg_temp.record_outcomes(jsonb_build_array(jsonb_build_object(
                                   'account_id', %s, 'message_id', %L, 'recipient_no', 1, 'attempt', 1,
                                   'result', 'delivered'))) $$, :account, :'id'), 'VALUES (1, 0)', 'delivered');
SELECT is((SELECT last_used_at FROM emailgw.smtp_credential WHERE smtp_id = :smtp), now(), '... it was used');
SELECT is((SELECT count(*) FROM emailgw.event WHERE message_id = :'id'), 2::bigint, '... and both events are there');

SELECT is((SELECT count(*) FROM emailgw.webhook_queue WHERE message_id = :'id' AND webhook_id = :webhook_id), 1::bigint,
          '... and a webhook is told');

SELECT * FROM finish();
ROLLBACK;
