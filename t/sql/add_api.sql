-- add_api, get_apis, delete_api and emailgwctl's functions on them: sender keys of
-- a domain, how many, and that what is deleted or another account's is not there.
\ir lib/setup.psql
SELECT plan(34);

SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_domain(:other, 'example.com') AS others_domain \gset
SELECT pg_temp.new_domain(:account, 'gone.example') AS gone \gset
SELECT pg_temp.new_key(:account, :gone, '\x02') AS key_of_gone \gset
UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = :account AND domain_id = :gone;

CREATE FUNCTION pg_temp.add(p_account_id bigint, p_domain_id bigint, p_hash bytea, p_limit integer DEFAULT 100,
                            p_permissions text DEFAULT NULL, OUT status integer, OUT api_key_id bigint,
                            OUT permissions text)
LANGUAGE sql VOLATILE
AS $$
    SELECT a.status, a.api_key_id, a.permissions
      FROM emailgw_api.add_api(p_account_id, p_domain_id, 'words', p_hash, '\x5e', p_permissions, 1, NULL, 3, NULL,
                               p_limit) AS a
$$;
CREATE FUNCTION pg_temp.keys(p_account_id bigint, p_domain_id bigint) RETURNS bigint[]
LANGUAGE sql STABLE
AS $$ SELECT array_agg(g.api_key_id) FROM emailgw_api.get_apis(p_account_id, p_domain_id) AS g $$;

SELECT status, api_key_id AS made, permissions FROM pg_temp.add(:account, :domain, '\x11') \gset
SELECT is(:status, 0, 'a key');
SELECT is(:'permissions'::text, 'send,webhooks,events', '... for all, where nothing is said');
SELECT results_eq(format($$ SELECT description, key_hash, key_sealed, permissions, list_id, subscriber_id, journey_id,
                           action_id, deleted_at, last_used_at FROM emailgw.api_key
                           WHERE account_id = %s AND api_key_id = %s $$, :account, :made),
                  $$ VALUES ('words', '\x11'::bytea, '\x5e'::bytea, 'send,webhooks,events', 1::bigint, NULL::bigint,
                             3::bigint, NULL::bigint, NULL::timestamptz, NULL::timestamptz) $$, '... as it was given');
SELECT is((SELECT s.status || ' ' || s.list_id FROM emailgw_api.sender_key(:account, '\x11', 'send') AS s), '0 1',
          '... which authenticates, with its context');
SELECT status, permissions FROM pg_temp.add(:account, :domain, '\x12', 100, 'events') \gset
SELECT is(:'permissions'::text, 'events', 'a narrow key');
SELECT is((SELECT s.status FROM emailgw_api.sender_key(:account, '\x12', 'send') AS s), 113, '... is narrow');

SELECT is((SELECT a.status FROM pg_temp.add(:account, :others_domain, '\x13') AS a), 3, 'another account''s domain');
SELECT is((SELECT a.status FROM pg_temp.add(:account, 0, '\x13') AS a), 3, 'no domain');
SELECT is((SELECT a.status FROM pg_temp.add(:account, :gone, '\x13') AS a), 3, 'a deleted domain');
SELECT is(pg_temp.rows_of(:other, 'api_key'), 0, 'none of them makes a key');
SELECT is((SELECT a.status FROM pg_temp.add(:account, :domain, '\x13', 3) AS a), 112, 'as many as the domain may have');
SELECT is((SELECT a.status FROM pg_temp.add(:account, :domain, '\x13', 4) AS a), 0, '... one less');
SELECT is((SELECT a.status FROM pg_temp.add(:other, :others_domain, '\x13', 1) AS a), 0,
          'another domain''s keys are not counted, and may have the same hash');

SELECT is(cardinality(pg_temp.keys(:account, :domain)), 4, 'listed');
SELECT is((pg_temp.keys(:account, :domain))[1:2], ARRAY[:key, :made]::bigint[], '... oldest first');
SELECT results_eq(format($$ SELECT key_sealed, description, created_us = (extract(epoch FROM now()) * 1000000)::bigint,
                           last_used_us FROM emailgw_api.get_apis(%s, %s) WHERE api_key_id = %s $$, :account, :domain,
                         :made),
                  $$ VALUES ('\x5e'::bytea, 'words', true, NULL::bigint) $$, '... with all that is shown');
SELECT is(pg_temp.keys(:account, :others_domain), NULL, 'another account''s are not');
SELECT is(pg_temp.keys(:account, :gone), NULL, 'nor those of a deleted domain');
SELECT pg_temp.new_domain(:account, 'empty.example') AS empty \gset
SELECT is(pg_temp.keys(:account, :empty), ARRAY[NULL]::bigint[], 'a domain without keys is one row');

SELECT ok(NOT emailgw_api.delete_api(:other, :made), 'another account deletes nothing');
SELECT ok(NOT emailgw_api.delete_api(:account, 0), 'what is not there cannot be deleted');
SELECT ok(NOT emailgw_api.delete_api(:account, :key_of_gone), 'nor what is gone with its domain');
SELECT ok(emailgw_api.delete_api(:account, :made), 'the owner does');
SELECT ok(NOT emailgw_api.delete_api(:account, :made), '... once');
SELECT is((SELECT count(*) FROM emailgw_api.sender_key(:account, '\x11', 'send')), 0::bigint, 'then the key is dead');
SELECT is(cardinality(pg_temp.keys(:account, :domain)), 3, '... and not shown');
SELECT is((SELECT a.status FROM pg_temp.add(:account, :domain, '\x14', 4) AS a), 0, '... nor counted');

-- emailgwctl.
SELECT is((SELECT status FROM emailgw_api.ctl_key_add(:account, 'example.com', 'd', '\x21', '\x5e', 4)),
          'the domain has 4 keys, which is the most', 'key_add: as many as there may be');
SELECT is((SELECT status FROM emailgw_api.ctl_key_add(:account, 'empty.example', 'd', '\x21', '\x5e', 4)), 'ok', 'key_add');
SELECT results_eq(format($$ SELECT domain, count(*) FROM emailgw_api.ctl_key_list(%s, NULL) GROUP BY domain ORDER BY 1 $$,
                         :account), $$ VALUES ('empty.example', 1::bigint), ('example.com', 4::bigint) $$,
                  'key_list: all that is not deleted');
SELECT is((SELECT count(*) FROM emailgw_api.ctl_key_list(:account, 'empty.example')), 1::bigint, 'key_list: of a domain');
SELECT is((SELECT count(*) FROM emailgw_api.ctl_key_list(:account, 'none.example')), 0::bigint, 'key_list: of none');
SELECT is(emailgw_api.ctl_key_delete(:other, :key), 'unknown key', 'key_delete: another account''s');
SELECT is(emailgw_api.ctl_key_delete(:account, :key), 'ok', 'key_delete');

SELECT * FROM finish();
ROLLBACK;
