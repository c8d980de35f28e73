-- sender_key and authenticate: what a key stands for, and whether it may be used.
\ir lib/setup.psql
SELECT plan(19);

CREATE FUNCTION pg_temp.status_of(p_account_id bigint, p_hash bytea, p_permission text) RETURNS integer
LANGUAGE sql STABLE
AS $$ SELECT status FROM emailgw_api.sender_key(p_account_id, p_hash, p_permission) $$;

UPDATE emailgw.api_key SET list_id = 1, subscriber_id = 2, journey_id = 3, action_id = 4
    WHERE account_id = :account;
SELECT results_eq($$ SELECT status, api_key_id, domain_id, domain_name, unsubscribe_link, list_id,
          subscriber_id, journey_id, action_id
                       FROM emailgw_api.sender_key($$ || :account || $$, '\x01', 'send') $$,
                  format('VALUES (0, %s::bigint, %s::bigint, ''example.com'', false, 1::bigint, 2::bigint, 3::bigint, 4::bigint)',
                         :key, :domain), 'a key, its domain and its context');
SELECT is((SELECT count(*) FROM emailgw_api.sender_key(:account, '\x99', 'send')), 0::bigint,
          'no row for a key that does not exist');
SELECT is((SELECT count(*) FROM emailgw_api.sender_key(:account + 64, '\x01', 'send')), 0::bigint,
          'nor under another account');
SELECT is((SELECT count(*) FROM emailgw_api.sender_key(NULL, '\x01', 'send')), 0::bigint, 'nor under none');

SELECT pg_temp.new_key(:account, :domain, '\x02', 'events') \gset
SELECT is(pg_temp.status_of(:account, '\x02', 'events'), 0, 'a narrow key does what it may');
SELECT is(pg_temp.status_of(:account, '\x02', 'send'), 113, '... and no more');
SELECT pg_temp.new_key(:account, :domain, '\x03', '') \gset
SELECT is(pg_temp.status_of(:account, '\x03', 'events'), 113, 'a key may have no permission at all');

SAVEPOINT states;
UPDATE emailgw.domain SET status = 'Pending' WHERE account_id = :account;
SELECT is(pg_temp.status_of(:account, '\x01', 'send'), 32, 'a domain that may not send: 32');
SELECT is(pg_temp.status_of(:account, '\x01', 'events'), 0, '... shows its events all the same');
SELECT is(pg_temp.status_of(:account, '\x02', 'send'), 113, 'permission comes before the domain''s state');
ROLLBACK TO states;
UPDATE emailgw.account SET status = 'disabled' WHERE account_id = :account;
SELECT is(pg_temp.status_of(:account, '\x01', 'events'), 12, 'a disabled account sees no events: 12');
UPDATE emailgw.account SET status = 'unverified' WHERE account_id = :account;
SELECT is(pg_temp.status_of(:account, '\x01', 'events'), 34, 'nor does one that is not verified: 34');
ROLLBACK TO states;
UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = :account;
SELECT is(pg_temp.status_of(:account, '\x01', 'events'), 2, 'nor does a deleted domain: 2');
ROLLBACK TO states;

-- authenticate answers with one row always.
SELECT results_eq($$ SELECT status, domain_name, unsubscribe_link FROM emailgw_api.authenticate($$
          || :account || $$, '\x01', 'send') $$,
                  $$ VALUES (0, 'example.com', false) $$,
                      'authenticate: a good key');
SELECT results_eq($$ SELECT status, domain_name FROM emailgw_api.authenticate($$ || :account
          || $$, '\x99', 'send') $$,
                  'VALUES (13, NULL::text)', 'authenticate: an unknown key');
SELECT results_eq($$ SELECT status FROM emailgw_api.authenticate($$ || :account || $$, '\x02', 'send') $$,
                  'VALUES (113)', 'authenticate: a key without the permission');
UPDATE emailgw.domain SET status = 'Suspended', unsubscribe_link = true WHERE account_id = :account;
SELECT results_eq($$ SELECT status, domain_name, unsubscribe_link FROM emailgw_api.authenticate($$ || :account
          || $$, '\x01', 'send') $$,
                  $$ VALUES (32, 'example.com', true) $$,
                      'authenticate: the domain''s state, and what its other checks need');

-- A key's hash is its name: once among the living of an account.
SELECT throws_ok(format($$ SELECT pg_temp.new_key(%s, %s, '\x01') $$, :account, :domain), '23505', NULL,
          'the same hash twice is refused');
UPDATE emailgw.api_key SET deleted_at = now() WHERE account_id = :account AND key_hash = '\x01';
SELECT lives_ok(format($$ SELECT pg_temp.new_key(%s, %s, '\x01') $$, :account, :domain),
          '... unless the first is deleted');

SELECT * FROM finish();
ROLLBACK;
