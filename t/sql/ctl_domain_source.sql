-- ctl_domain_source: the address that a domain's mail is sent from, and who is told of it.
\ir lib/setup.psql
SELECT plan(15);

SELECT pg_temp.new_account() AS other \gset
SELECT message_id AS id FROM pg_temp.send(:account) \gset
CREATE FUNCTION pg_temp.set_source(p_account_id bigint, p_name text, p_address inet) RETURNS text LANGUAGE sql VOLATILE
AS $$ SELECT concat_ws(' ', status, source_address) FROM emailgw_api.ctl_domain_source(p_account_id, p_name, p_address) $$;
-- As the sender and the operator see it.
CREATE FUNCTION pg_temp.seen(p_account_id bigint, p_message_id uuid) RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT coalesce((SELECT source_address FROM emailgw_api.get_contents(ARRAY[p_account_id], ARRAY[p_message_id])), '-') || ' '
           || coalesce((SELECT source_address FROM emailgw_api.ctl_domain_list(p_account_id) WHERE name = 'example.com'), '-')
$$;

SELECT is(pg_temp.seen(:account, :'id'), '- -', 'none at first');
SELECT is(pg_temp.set_source(:account, 'example.com', '192.0.2.1'), 'ok 192.0.2.1', 'an IPv4 address');
SELECT is(pg_temp.seen(:account, :'id'), '192.0.2.1 192.0.2.1', '... is known to the sender and listed');
SELECT is(pg_temp.set_source(:account, 'example.com', '2001:DB8::1'), 'ok 2001:db8::1', 'an IPv6 address');
SELECT is(pg_temp.seen(:account, :'id'), '2001:db8::1 2001:db8::1', '... takes its place');
SELECT is((SELECT count(*) FROM emailgw.domain AS d WHERE d.source_address IS NOT NULL AND d.account_id IN (:account, :other)),
          1::bigint, 'no other domain has it');
SELECT throws_ok(format($$ SELECT pg_temp.set_source(%s, 'example.com', '192.0.2.0/24') $$, :account), '23514', NULL,
                 'a network is no address');
SELECT throws_ok(format($$ SELECT pg_temp.set_source(%s, 'example.com', '2001:db8::/64') $$, :account), '23514', NULL,
                 '... of IPv6 neither');
SELECT is(pg_temp.seen(:account, :'id'), '2001:db8::1 2001:db8::1', '... and changes nothing');
SELECT is(pg_temp.set_source(:account, 'none.example', '192.0.2.1'), 'unknown domain', 'no such domain');
SELECT is(pg_temp.set_source(:other + 1, 'example.com', '192.0.2.1'), 'unknown domain', 'no such account');
SELECT is(pg_temp.set_source(:account, 'example.com', NULL), 'ok', 'the system''s choice again');
SELECT is(pg_temp.seen(:account, :'id'), '- -', '... as at first');
UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = :account AND name = 'example.com';
SELECT is(pg_temp.set_source(:account, 'example.com', '192.0.2.1'), 'unknown domain', 'deleted');
SELECT is(pg_temp.seen(:account, :'id'), '- -', '... and changes nothing');

SELECT * FROM finish();
ROLLBACK;
