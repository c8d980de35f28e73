-- suppressed_as, suppressed_domain: a domain that is deleted and added again has the suppressions of the former
-- one, whoever reads or writes them, and another account's domain of the name has none.
\ir lib/setup.psql
SELECT plan(30);

SELECT 'd' || pg_backend_pid() || '.example.org' AS name \gset
SELECT pg_temp.new_account() AS other \gset
CREATE FUNCTION pg_temp.add(p_account_id bigint, p_name text) RETURNS bigint LANGUAGE sql VOLATILE
AS $$ SELECT a.domain_id FROM emailgw_api.add_domain(p_account_id, p_name, 'eg', NULL, '', '', 'token', 's1', 'A', '\x01', '\x02') AS a $$;
CREATE FUNCTION pg_temp.put(p_account_id bigint, p_domain_id bigint, p_address text) RETURNS text LANGUAGE sql VOLATILE
AS $$ SELECT p.status || ' ' || p.added FROM emailgw_api.put_suppressions(p_account_id, p_domain_id, ARRAY[p_address], '{""}', '{manual}') AS p $$;
-- What an address gets nothing for, from a domain.
CREATE FUNCTION pg_temp.why(p_account_id bigint, p_domain_id bigint, p_address text) RETURNS text LANGUAGE sql STABLE
AS $$ SELECT string_agg(s.reason, ',' ORDER BY s.reason) FROM emailgw_api.suppressions_of(p_account_id, p_domain_id, p_address, NULL) AS s $$;
-- "total: address domain reason, ..." of one domain, or of all.
CREATE FUNCTION pg_temp.list(p_account_id bigint, p_domain_id bigint DEFAULT NULL) RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT concat_ws(' ', max(g.total) || ':', string_agg(concat_ws(' ', g.address, g.entry_domain_id, g.reason), ', ' ORDER BY g.address))
      FROM emailgw_api.get_suppressions(p_account_id, p_domain_id, NULL, NULL, 100, NULL, NULL) AS g
$$;
CREATE FUNCTION pg_temp.leave(p_account_id bigint, p_domain_id bigint, p_address text) RETURNS void LANGUAGE sql VOLATILE
AS $$ SELECT emailgw_api.add_suppressions('unsubscribe', ARRAY[p_account_id], ARRAY[p_address], '{NULL}', NULL, ARRAY[p_domain_id]) $$;

-- The first domain of the name.
SELECT pg_temp.add(:account, :'name') AS first, pg_temp.add(:other, :'name') AS theirs \gset
SELECT is(pg_temp.put(:account, :first, 'ann@example.org'), '0 1', 'put by hand');
SELECT pg_temp.leave(:account, :first, 'Bob@example.org') \gset
SELECT is(pg_temp.list(:account, :first), format('2: ann@example.org %1$s manual, bob@example.org %1$s unsubscribe', :first), 'as they are');
SELECT is(emailgw_api.delete_domain(:account, :first), true, 'the domain is deleted');
SELECT is(pg_temp.list(:account), format('2: ann@example.org %1$s manual, bob@example.org %1$s unsubscribe', :first), '... and its entries stay');
SELECT is(emailgw_api.ctl_suppressed_by(:account, '{bob@example.org}'), NULL, '... which nobody has for a domain now');
SELECT is((SELECT status FROM emailgw_api.get_suppressions(:account, :first, NULL, NULL, 1, NULL, NULL)), 2, 'it has no list to ask for');
SELECT is(pg_temp.put(:account, :first, 'x@example.org'), '3 0', '... or to add to');

-- Added again, twice.
SELECT pg_temp.add(:account, :'name') AS second \gset
SELECT is(pg_temp.list(:account, :second), format('2: ann@example.org %1$s manual, bob@example.org %1$s unsubscribe', :second), 'another domain of the name has them');
SELECT is(pg_temp.why(:account, :second, 'BOB@example.org'), 'unsubscribe', 'who has left gets nothing from it');
SELECT is(pg_temp.put(:account, :second, 'bob@example.org'), '0 0', '... and is there already');
SELECT is(pg_temp.put(:account, :second, 'cid@example.org'), '0 1', 'one more');
SELECT emailgw_api.delete_domain(:account, :second) \gset
SELECT pg_temp.add(:account, :'name') AS third \gset
SELECT pg_temp.leave(:account, :first, 'dan@example.org'), pg_temp.leave(:account, :second, 'dan@example.org') \gset
SELECT pg_temp.leave(:account, :second, 'eve@example.org') \gset
SELECT is(pg_temp.list(:account, :third), format('5: ann@example.org %1$s manual, bob@example.org %1$s unsubscribe, cid@example.org %1$s manual, '
          'dan@example.org %1$s unsubscribe, eve@example.org %1$s unsubscribe', :third), 'and those who leave by mails of former ones, once each');
SELECT is((SELECT string_agg(pg_temp.why(:account, :third, a || '@example.org'), ' ') FROM unnest('{ann,bob,cid,dan,eve}'::text[]) AS a),
          'manual unsubscribe manual unsubscribe unsubscribe', '... get nothing');
SELECT is(pg_temp.list(:account), pg_temp.list(:account, :third), 'they are all there is');
SELECT results_eq(format('SELECT address, entry_domain_id FROM emailgw_api.get_suppressions(%s, NULL, NULL, NULL, 2, ''bob@example.org'', %s)', :account, :third),
                  format('VALUES (''cid@example.org'', %1$s::bigint), (''dan@example.org'', %1$s::bigint)', :third), 'a page behind another');
SELECT pg_temp.put(:account, NULL, 'bob@example.org') \gset
SELECT results_eq(format('SELECT address, entry_domain_id FROM emailgw_api.get_suppressions(%s, NULL, NULL, NULL, 3, ''ann@example.org'', %s)', :account, :third),
                  format('VALUES (''bob@example.org'', 0::bigint), (''bob@example.org'', %1$s::bigint), (''cid@example.org'', %1$s::bigint)', :third), '... with the account''s entry of an address');
SELECT results_eq(format('SELECT address, entry_domain_id FROM emailgw_api.get_suppressions(%s, NULL, NULL, NULL, 1, ''bob@example.org'', 0)', :account),
                  format('VALUES (''bob@example.org'', %1$s::bigint)', :third), '... and one between the two');

-- Others have no part in it.
SELECT is(pg_temp.why(:other, :theirs, a || '@example.org'), NULL, 'another account''s domain of the name: ' || a) FROM unnest('{ann,dan}'::text[]) AS a;
SELECT is(pg_temp.why(:account, :domain, 'ann@example.org'), NULL, 'another domain of the account');
SELECT is(pg_temp.list(:other), '0: ', 'another account''s list');

-- The operator.
SELECT is((SELECT string_agg(concat_ws(' ', l.email, l.domain), ', ' ORDER BY l.email) FROM emailgw_api.ctl_suppress_list(:account, :'name') AS l),
          format('ann@example.org %1$s, bob@example.org %1$s, cid@example.org %1$s, dan@example.org %1$s, eve@example.org %1$s', :'name'), 'suppress list');
SELECT is(emailgw_api.ctl_suppressed_by(:account, '{bob@example.org}'), 'the whole account, ' || :'name', 'by what an address is suppressed');
SELECT emailgw_api.ctl_suppress_add(:account, :'name', 'ann@example.org', 'abuse') \gset
SELECT is(pg_temp.why(:account, :third, 'ann@example.org'), 'abuse', 'suppress add: the entry becomes the operator''s');
SELECT is((SELECT r.status FROM emailgw_api.ctl_suppress_remove(:account, :'name', 'ann@example.org') AS r), 'ok', 'suppress remove');
SELECT is(pg_temp.why(:account, :third, 'ann@example.org'), NULL, '... takes it off');

-- Taking off.
SELECT is(emailgw_api.delete_suppression(:account, :third, 'dan@example.org', NULL), 0, 'taken off');
SELECT is(pg_temp.why(:account, :third, 'dan@example.org'), NULL, '... for good');
SELECT emailgw_api.delete_domain(:account, :third) \gset
SELECT is(emailgw_api.delete_suppression(:account, :third, 'eve@example.org', NULL), 0, 'of a deleted domain, too, by what is shown of it');
SELECT is(pg_temp.list(:account), format('3: bob@example.org 0 manual, bob@example.org %1$s unsubscribe, cid@example.org %1$s manual', :third), '... which leaves the others');

SELECT * FROM finish();
ROLLBACK;
