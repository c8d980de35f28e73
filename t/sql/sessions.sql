-- authenticate_account, login_begin, login_end, add_session, purge_sessions: who may
-- act for an account, and how tries to log in are slowed.
\ir lib/setup.psql
SELECT plan(39);

UPDATE emailgw.account SET api_key_hash = '\xaa', password_hash = 'right' WHERE account_id = :account;
SELECT gen_random_uuid()::text AS name \gset
INSERT INTO emailgw.directory_username VALUES (:'name', :account);

CREATE FUNCTION pg_temp.auth(p_account_id bigint, p_key bytea, p_session bytea) RETURNS integer
LANGUAGE sql VOLATILE
AS $$ SELECT emailgw_api.authenticate_account(p_account_id, p_key, p_session, 3600) $$;

SELECT ok(emailgw_api.add_session(:account, '\x01', 'right', 86400), 'a session');
SELECT is(emailgw_api.add_session(:account, '\x02', 'changed', 86400), false, 'none for a password that has changed');
SELECT is(pg_temp.auth(:account, NULL, '\x01'), 0, 'it authenticates');
SELECT is(pg_temp.auth(:account, '\xaa', NULL), 0, 'so does the key');
SELECT is(pg_temp.auth(:account, '\xaa', '\x01'), 0, 'and both');
SELECT is(pg_temp.auth(:account, NULL, NULL), 99998, 'nothing does not');
SELECT is(pg_temp.auth(:account, '\xab', '\x01'), 99998, 'nor a wrong key beside a session');
SELECT is(pg_temp.auth(:account, '\xaa', '\x02'), 99998, 'nor a wrong session beside a key');
SELECT is(pg_temp.auth(pg_temp.new_account(), NULL, '\x01'), 99998, 'nor the session of another account');
SELECT is(pg_temp.auth(pg_temp.new_account(), NULL, NULL), 99998, 'nor no key for an account that has none');
SELECT is(pg_temp.auth(:account + 1, '\xaa', NULL), 99998, 'nor an account that is none');

SELECT is((SELECT used_at FROM emailgw.session WHERE session_hash = '\x01' AND account_id = :account), now(),
          'used just now');
UPDATE emailgw.session SET used_at = now() - interval '59 seconds' WHERE account_id = :account;
SELECT is(pg_temp.auth(:account, NULL, '\x01'), 0, 'used a minute ago');
SELECT is((SELECT used_at FROM emailgw.session WHERE account_id = :account), now() - interval '59 seconds',
          '... is not written down');
UPDATE emailgw.session SET used_at = now() - interval '61 seconds' WHERE account_id = :account;
SELECT is(pg_temp.auth(:account, NULL, '\x01'), 0, 'used longer ago');
SELECT is((SELECT used_at FROM emailgw.session WHERE account_id = :account), now(), '... is');
UPDATE emailgw.session SET used_at = now() - interval '3599 seconds' WHERE account_id = :account;
SELECT is(pg_temp.auth(:account, NULL, '\x01'), 0, 'just within the idle time');
UPDATE emailgw.session SET used_at = now() - interval '3600 seconds' WHERE account_id = :account;
SELECT is(pg_temp.auth(:account, NULL, '\x01'), 99999, 'idle for too long');
UPDATE emailgw.session SET used_at = now(), expires_at = now() WHERE account_id = :account;
SELECT is(pg_temp.auth(:account, NULL, '\x01'), 99999, 'too old, however used');
UPDATE emailgw.account SET status = 'unverified' WHERE account_id = :account;
SELECT is(pg_temp.auth(:account, '\xaa', NULL), 0, 'an account that is not verified can be managed');
UPDATE emailgw.account SET status = 'disabled' WHERE account_id = :account;
SELECT is(pg_temp.auth(:account, '\xaa', NULL), 99998, 'one that is disabled cannot');
SELECT is(emailgw_api.add_session(:account, '\x03', 'right', 86400), false, '... nor log in');

-- Tries to log in: whether one is allowed, or after how many seconds.
CREATE FUNCTION pg_temp.try(p_name text, p_client text) RETURNS integer
LANGUAGE sql VOLATILE
AS $$ SELECT coalesce(b.wait_seconds, 0) FROM emailgw_api.login_begin(0, p_name, p_client) AS b $$;
CREATE FUNCTION pg_temp.tries(p_count integer, p_name text, p_client text) RETURNS integer
LANGUAGE sql VOLATILE
AS $$ SELECT max(pg_temp.try(p_name, p_client)) FROM generate_series(1, p_count) $$;
CREATE FUNCTION pg_temp.time_goes_by(p_time interval) RETURNS void
LANGUAGE sql VOLATILE
AS $$ UPDATE emailgw.login_failure SET blocked_until = blocked_until - p_time, last_at = last_at - p_time $$;

SELECT is((SELECT account_id FROM emailgw_api.login_begin(0, :'name', '192.0.2.1')), :account::bigint, 'a name''s account');
SELECT is((SELECT account_id FROM emailgw_api.login_begin(0, 'x' || :'name', '192.0.2.2')), NULL, 'a name that nobody has');
SELECT is(pg_temp.tries(9, :'name', '192.0.2.1'), 0, 'ten tries are free');
SELECT is(pg_temp.try(:'name', '192.0.2.1'), 1, 'then one has to wait a second');
SELECT is(pg_temp.try(:'name', '192.0.2.9'), 0, '... not from elsewhere');
SELECT pg_temp.time_goes_by('2 seconds'), pg_temp.try(:'name', '192.0.2.1') \gset
SELECT is(pg_temp.try(:'name', '192.0.2.1'), 2, 'then two');
SELECT pg_temp.time_goes_by('59 minutes'), pg_temp.try(:'name', '192.0.2.1') \gset
SELECT is(pg_temp.try(:'name', '192.0.2.1'), 4, 'then four, also after a while');
SELECT pg_temp.time_goes_by('1 hour 1 second'), pg_temp.try(:'name', '192.0.2.1') \gset
SELECT is(pg_temp.try(:'name', '192.0.2.1'), 0, 'an hour makes all as it was');
UPDATE emailgw.login_failure SET tries = 1000;
SELECT pg_temp.try(:'name', '192.0.2.1') \gset
SELECT is(pg_temp.try(:'name', '192.0.2.1'), 900, 'no wait is longer than a quarter of an hour');
SELECT cmp_ok(pg_temp.try(:'name', '192.0.2.3'), '<=', 2, '... and from elsewhere than two seconds');
DELETE FROM emailgw.login_failure;
SELECT pg_temp.tries(11, :'name', '192.0.2.1') \gset
SELECT emailgw_api.login_end(0, :'name', '192.0.2.1') \gset
SELECT is(pg_temp.tries(10, :'name', '192.0.2.1'), 0, 'one that went well makes all as it was');
DELETE FROM emailgw.login_failure;
SELECT is((SELECT max(pg_temp.try('n' || n, '2001:db8:1:2::' || n)) FROM generate_series(1, 30) AS n), 0,
          'thirty tries from one /64 are free');
SELECT is(pg_temp.try('n31', '2001:db8:1:2:ffff::1'), 1, '... then all of it has to wait');
SELECT is(pg_temp.try('n32', '2001:db8:1:3::1'), 0, '... and no other');
SELECT is(pg_temp.try('n33', 'fe80::1%eth0'), 0, 'an address with a zone is one');

-- What is over is forgotten.
SELECT pg_temp.time_goes_by('3 hours') \gset
UPDATE emailgw.session SET expires_at = now() - interval '8 days' WHERE account_id = :account;
SELECT cmp_ok(emailgw_api.purge_sessions(), '>=', 30::bigint, 'purged');
SELECT is(pg_temp.rows_of(:account, 'session'), 0, '... with the session');

SELECT * FROM finish();
ROLLBACK;
