-- The roles: the module and the sender call their functions and reach nothing
-- else; PUBLIC calls nothing. A new grant must be written down here too.
\set exclusive
\ir lib/setup.psql
SELECT plan(138);

CREATE TEMPORARY TABLE granted (role text, function text);
INSERT INTO granted VALUES
    ('emailgw_module', 'accept'),
    ('emailgw_module', 'accept_list'),
    ('emailgw_module', 'account_stats'),
    ('emailgw_module', 'add_api'),
    ('emailgw_module', 'add_domain'),
    ('emailgw_module', 'add_list'),
    ('emailgw_module', 'add_returned'),
    ('emailgw_module', 'add_erasure'),
    ('emailgw_module', 'add_session'),
    ('emailgw_module', 'add_smtp'),
    ('emailgw_module', 'add_subscribers'),
    ('emailgw_module', 'add_template'),
    ('emailgw_module', 'add_webhook'),
    ('emailgw_module', 'aggr_events'),
    ('emailgw_module', 'authenticate'),
    ('emailgw_module', 'authenticate_account'),
    ('emailgw_module', 'begin_batch'),
    ('emailgw_module', 'cancel_message'),
    ('emailgw_module', 'authenticate_smtp'),
    ('emailgw_module', 'clear_domain_queue'),
    ('emailgw_module', 'daily_series'),
    ('emailgw_module', 'delete_api'),
    ('emailgw_module', 'delete_domain'),
    ('emailgw_module', 'delete_list'),
    ('emailgw_module', 'delete_session'),
    ('emailgw_module', 'delete_smtp'),
    ('emailgw_module', 'delete_subscriber'),
    ('emailgw_module', 'delete_template'),
    ('emailgw_module', 'delete_suppression'),
    ('emailgw_module', 'delete_webhook'),
    ('emailgw_module', 'domain_stats'),
    ('emailgw_module', 'end_batch'),
    ('emailgw_module', 'export_events'),
    ('emailgw_module', 'get_batch_templates'),
    ('emailgw_module', 'get_apis'),
    ('emailgw_module', 'get_domain'),
    ('emailgw_module', 'get_domains'),
    ('emailgw_module', 'get_erasure'),
    ('emailgw_module', 'get_events'),
    ('emailgw_module', 'get_message'),
    ('emailgw_module', 'get_list_answer'),
    ('emailgw_module', 'get_list_job'),
    ('emailgw_module', 'get_list_targets'),
    ('emailgw_module', 'get_lists'),
    ('emailgw_module', 'get_sender_events'),
    ('emailgw_module', 'get_smtps'),
    ('emailgw_module', 'get_subscribers'),
    ('emailgw_module', 'get_templates'),
    ('emailgw_module', 'get_suppressions'),
    ('emailgw_module', 'get_unsubscribe'),
    ('emailgw_module', 'get_webhook_deliveries'),
    ('emailgw_module', 'get_webhooks'),
    ('emailgw_module', 'login_account'),
    ('emailgw_module', 'login_begin'),
    ('emailgw_module', 'login_end'),
    ('emailgw_module', 'make_partitions'),
    ('emailgw_module', 'may_add_domain'),
    ('emailgw_module', 'move_message'),
    ('emailgw_module', 'prepare_mail'),
    ('emailgw_module', 'put_suppressions'),
    ('emailgw_module', 'recipient_stats'),
    ('emailgw_module', 'record_tracks'),
    ('emailgw_module', 'regenerate_signing_key'),
    ('emailgw_module', 'replace_api'),
    ('emailgw_module', 'replay_webhook'),
    ('emailgw_module', 'reset_smtp_password'),
    ('emailgw_module', 'return_path_state'),
    ('emailgw_module', 'test_webhook'),
    ('emailgw_module', 'update_domain'),
    ('emailgw_module', 'update_template'),
    ('emailgw_module', 'v1_add_webhook'),
    ('emailgw_module', 'v1_delete_webhook'),
    ('emailgw_module', 'v1_get_webhooks'),
    ('emailgw_module', 'verify_domain'),
    ('emailgw_sender', 'claim_domain_checks'),
    ('emailgw_sender', 'claim_list_job'),
    ('emailgw_sender', 'claim_erasure'),
    ('emailgw_sender', 'claim_messages'),
    ('emailgw_sender', 'claim_returned'),
    ('emailgw_sender', 'claim_webhooks'),
    ('emailgw_sender', 'durability'),
    ('emailgw_sender', 'finish_returned'),
    ('emailgw_sender', 'erase_step'),
    ('emailgw_sender', 'erase_texts'),
    ('emailgw_sender', 'get_attachments'),
    ('emailgw_sender', 'get_contents'),
    ('emailgw_sender', 'get_dkim_keys'),
    ('emailgw_sender', 'get_list_targets'),
    ('emailgw_sender', 'get_sts_policies'),
    ('emailgw_sender', 'housekeeping'),
    ('emailgw_sender', 'made_for'),
    ('emailgw_sender', 'make_partitions'),
    ('emailgw_sender', 'note_returned'),
    ('emailgw_sender', 'next_erasure_part'),
    ('emailgw_sender', 'put_erasure_part'),
    ('emailgw_sender', 'record_attempts'),
    ('emailgw_sender', 'record_complaint'),
    ('emailgw_sender', 'record_domain_checks'),
    ('emailgw_sender', 'record_returned'),
    ('emailgw_sender', 'record_sts_policies'),
    ('emailgw_sender', 'record_webhooks'),
    ('emailgw_sender', 'renew_leases'),
    ('emailgw_sender', 'store_list_batch'),
    ('emailgw_sender', 'sweep_cancelled');
SELECT 'emailgw_test_' || pg_backend_pid() AS stranger \gset
CREATE ROLE :stranger;
GRANT SELECT ON granted TO PUBLIC;

-- Runs a statement as a role: '00000' when it may, else the SQLSTATE.
CREATE FUNCTION pg_temp.try(p_role text, p_sql text) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', p_role);
    EXECUTE p_sql;
    RESET ROLE;
    RETURN '00000';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;
-- What of a list of statements a role may do, or fails at otherwise than by its rights.
CREATE FUNCTION pg_temp.not_refused(p_role text, p_statements text[]) RETURNS text[]
LANGUAGE sql VOLATILE
AS $$
    SELECT coalesce(array_agg(t.state || ': ' || t.statement), '{}')
      FROM (SELECT s AS statement, pg_temp.try(p_role, s) AS state FROM unnest(p_statements) AS s) AS t
     WHERE t.state <> '42501'
$$;

-- The lists. Functions of both schemas count, and so do their overloads.
CREATE FUNCTION pg_temp.callable(p_role text) RETURNS text[]
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(array_agg(p.proname::text ORDER BY p.proname), '{}') FROM pg_proc AS p
     WHERE p.pronamespace IN ('emailgw_api'::regnamespace, 'emailgw'::regnamespace)
         AND has_function_privilege(p_role, p.oid, 'EXECUTE')
$$;
SELECT is(pg_temp.callable(r), (SELECT array_agg(g.function ORDER BY g.function) FROM granted AS g
          WHERE g.role = r), r || ' may call what is listed, no more')
  FROM unnest('{emailgw_module,emailgw_sender}'::text[]) AS r;
SELECT is(pg_temp.callable(:'stranger'), '{}', 'PUBLIC may call nothing');

-- Each granted function does its work when called by its role.
SELECT is(pg_temp.try('emailgw_module', format(s, :account)), '00000', 'emailgw_module: '
          || substring(s FROM 'emailgw_api\.\w+'))
  FROM unnest(ARRAY[
    $$ SELECT emailgw_api.accept(ARRAY[%s::bigint], ARRAY[ROW((lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0')
        || '70008000000000000001')::uuid, '\x01', '\x02',
       '\x03', 'a@example.com', '', 'example.com', 'Hi', '{}', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           '{to}', '{ann@example.net}', '{example.net}',
       '[]', '[]', '[]', '[]', NULL, 'x', NULL, NULL, 1, NULL, NULL, NULL, NULL)::emailgw_api.mail]) $$,
    $$ SELECT emailgw_api.authenticate(%s, '\x01', 'send') $$,
    $$ SELECT emailgw_api.get_sender_events(%s, '\x01', 0, 5, NULL, NULL, NULL, NULL) $$,
    $$ SELECT emailgw_api.v1_add_webhook(%s, '\x01', 'https://example.com/', '{1}', 100) $$,
    $$ SELECT emailgw_api.v1_get_webhooks(%s, '\x01') $$,
    $$ SELECT emailgw_api.v1_delete_webhook(%s, '\x01', 1) $$,
    $$ SELECT emailgw_api.authenticate_account(%s, '\x01', '\x01', 60) $$,
    $$ SELECT emailgw_api.authenticate_smtp(%s, 1, '\x01') $$,
    $$ SELECT emailgw_api.login_begin(0, 'ann', '192.0.2.1'), %s $$,
    $$ SELECT emailgw_api.login_account(%s) $$,
    $$ SELECT emailgw_api.add_session(%s, '\x01', 'x', 60) $$,
    $$ SELECT emailgw_api.login_end(0, 'ann', '192.0.2.1'), %s $$,
    $$ SELECT emailgw_api.delete_session(%s, '\x01') $$,
    $$ SELECT emailgw_api.get_domains(%s) $$,
    $$ SELECT emailgw_api.may_add_domain(%s, 'a.example') $$,
    $$ SELECT emailgw_api.add_domain(%s, 'a.example', 'eg', NULL, '', '', 'x', 's', 'x', '\x01', '\x01') $$,
    $$ SELECT emailgw_api.get_domain(%s, 1) $$,
    $$ SELECT emailgw_api.update_domain(%s, 1, NULL, NULL, NULL, NULL, NULL, NULL, '', '') $$,
    $$ SELECT emailgw_api.verify_domain(%s, 1, 1, 'holds', '{}', '{}') $$,
    $$ SELECT emailgw_api.add_api(%s, 1, 'x', '\x02', '\x02', NULL, NULL, NULL, NULL, NULL, 100) $$,
    $$ SELECT emailgw_api.get_apis(%s, 1) $$,
    $$ SELECT emailgw_api.delete_api(%s, 1) $$,
    $$ SELECT emailgw_api.add_smtp(%s, 1, '\x02', NULL, NULL, NULL, NULL, 100) $$,
    $$ SELECT emailgw_api.get_smtps(%s, 1) $$,
    $$ SELECT emailgw_api.reset_smtp_password(%s, 1, '\x02') $$,
    $$ SELECT emailgw_api.delete_smtp(%s, 1) $$,
    $$ SELECT emailgw_api.add_webhook(%s, 1, NULL, '{}', 100) $$,
    $$ SELECT emailgw_api.get_webhooks(%s, 1) $$,
    $$ SELECT emailgw_api.delete_webhook(%s, 1, 1) $$,
    $$ SELECT emailgw_api.get_events(%s, 1, 0, 5, NULL, NULL, NULL, NULL, '{0}', '{x}') $$,
    $$ SELECT emailgw_api.aggr_events(%s, 1, 'tag', NULL, NULL, 10, '{}') $$,
    $$ SELECT emailgw_api.domain_stats(%s, 1, NULL, NULL) $$,
    $$ SELECT emailgw_api.account_stats(%s, NULL, NULL) $$,
    $$ SELECT emailgw_api.daily_series(%s, NULL, NULL, NULL, 100) $$,
    $$ SELECT emailgw_api.export_events(%s, 1, 100, NULL, NULL, NULL, NULL, '{0}', '{x}', NULL) $$,
    $$ SELECT emailgw_api.recipient_stats(%s, 1, NULL, NULL, NULL, 0, 10) $$,
    $$ SELECT emailgw_api.clear_domain_queue(%s, 1) $$,
    $$ SELECT emailgw_api.begin_batch(%s, '\x01', '\x02', '\x03') $$,
    $$ SELECT emailgw_api.end_batch(%s, '\x01', '\x02', '\x03', '{}') $$,
    $$ SELECT emailgw_api.get_message(%s, '\x01', '00000000-0000-7000-8000-000000000001', 5) $$,
    $$ SELECT emailgw_api.cancel_message(%s, '\x01', '00000000-0000-7000-8000-000000000001') $$,
    $$ SELECT emailgw_api.move_message(%s, '\x01', '00000000-0000-7000-8000-000000000001', NULL) $$,
    $$ SELECT emailgw_api.add_template(%s, 'x', 'x', 'x', NULL, 100) $$,
    $$ SELECT emailgw_api.get_templates(%s, NULL, 0, 10) $$,
    $$ SELECT emailgw_api.update_template(%s, 1, NULL, NULL, NULL, NULL) $$,
    $$ SELECT emailgw_api.delete_template(%s, 1) $$,
    $$ SELECT emailgw_api.add_list(%s, 'x', 100) $$,
    $$ SELECT emailgw_api.get_lists(%s, 0, 10) $$,
    $$ SELECT emailgw_api.add_subscribers(%s, 1, '[]') $$,
    $$ SELECT emailgw_api.get_subscribers(%s, 1, NULL, 0, 10) $$,
    $$ SELECT emailgw_api.delete_subscriber(%s, 1, 1) $$,
    $$ SELECT emailgw_api.delete_list(%s, 1) $$,
    $$ SELECT emailgw_api.get_batch_templates(%s, '{1}', 1) $$,
    $$ SELECT emailgw_api.prepare_mail(%s, '\x01', NULL, NULL, 1, 1) $$,
    $$ SELECT emailgw_api.get_list_targets(%s, 1, 1, 0, 1, 1) $$,
    $$ SELECT emailgw_api.accept_list(%s, '00000000-0000-7000-8000-000000000000', '\x01', NULL, NULL, 1, 'a@example.com', '',
       'example.com', '{}', NULL, NULL, NULL, NULL, NULL, '[]', '[]', 'x', 'x', NULL, NULL, NULL, NULL, 0, NULL, 0, 0) $$,
    $$ SELECT emailgw_api.get_list_answer(%s, '00000000-0000-7000-8000-000000000000') $$,
    $$ SELECT emailgw_api.get_list_job(%s, '00000000-0000-7000-8000-000000000000', NULL, 10) $$,
    $$ SELECT emailgw_api.get_unsubscribe(%s, '00000000-0000-7000-8000-000000000001', 1) $$,
    $$ SELECT emailgw_api.record_tracks(ARRAY[%s::bigint], ARRAY[ROW('00000000-0000-7000-8000-000000000001',
       '00000000-0000-7000-8000-000000000001', 1, 7, now(), false, '{}')::emailgw_api.track]) $$,
    $$ SELECT emailgw_api.return_path_state(%s, '00000000-0000-7000-8000-000000000001', 1, '') $$,
    $$ SELECT emailgw_api.add_returned('{%s}', '{00000000-0000-7000-8000-000000000001}', '{1}', '{""}', '') $$,
    $$ SELECT emailgw_api.delete_domain(%s, 1) $$,
    $$ SELECT emailgw_api.replace_api(%s, 1, '\x02', '\x02') $$,
    $$ SELECT emailgw_api.regenerate_signing_key(%s, 1, '\x02') $$,
    $$ SELECT emailgw_api.get_webhook_deliveries(%s, 1, 1, NULL, 10, NULL) $$,
    $$ SELECT emailgw_api.replay_webhook(%s, 1, 1, NULL, now(), now(), false, false, 10) $$,
    $$ SELECT emailgw_api.test_webhook(%s, 1, 1) $$,
    $$ SELECT emailgw_api.put_suppressions(%s, NULL, '{a@example.org}', '{""}', '{x}') $$,
    $$ SELECT emailgw_api.delete_suppression(%s, NULL, 'a@example.org', NULL) $$,
    $$ SELECT emailgw_api.get_suppressions(%s, NULL, NULL, NULL, 10, NULL, 0) $$,
    $$ SELECT emailgw_api.add_erasure(%s, 'a@example.org', 'hash:1:x', '\x01') $$,
    $$ SELECT emailgw_api.get_erasure(%s, 1) $$,
    $$ SELECT emailgw_api.make_partitions() $$]) AS s;
SELECT is(pg_temp.rows_of(:account, 'queue'), 1, '... and the mail is in the queue');
SELECT q.message_id AS queued FROM emailgw.queue AS q WHERE q.account_id = :account \gset
SELECT is(pg_temp.try('emailgw_sender', format(s, :account, :'queued')), '00000', 'emailgw_sender: '
          || substring(s FROM 'emailgw_api\.\w+'))
  FROM unnest(ARRAY[
    $$ SELECT emailgw_api.claim_messages(1000, 60, 0) $$,
    $$ SELECT emailgw_api.renew_leases('[{"account_id": %s, "message_id": "%s", "recipient_no": 1, "attempt": 1}]', 60) $$,
    $$ SELECT emailgw_api.get_contents('{%s}', '{%s}') $$,
    $$ SELECT emailgw_api.get_attachments('{%s}', '{%s}') $$,
    $$ SELECT emailgw_api.get_dkim_keys('{%s}', '{1}') $$,
    $$ SELECT emailgw_api.record_attempts('{%s}', '{%s}', '{1}', '{1}', '{delivered}', '{0}', '{"{}"}') $$,
    $$ SELECT emailgw_api.record_complaint(%s, '%s', 1, NULL) $$,
    $$ SELECT emailgw_api.record_returned(%s, '%s', 1, '', 'bounce', '{}', '{}', true) $$,
    $$ SELECT emailgw_api.claim_returned(10, 60) $$,
    $$ SELECT emailgw_api.finish_returned(%s, '%s', 1, '', 'now', 'bounce', '{}', '{}') $$,
    $$ SELECT emailgw_api.note_returned(%s, '%s', 1, '', 'now', 'x') $$,
    $$ SELECT emailgw_api.claim_webhooks(10, 60, 0, '{}') $$,
    $$ SELECT emailgw_api.claim_domain_checks(1, 1, 1) $$,
    $$ SELECT emailgw_api.record_domain_checks('[]', 1, 1, 1) $$,
    $$ SELECT emailgw_api.get_sts_policies('{a.example}') $$,
    $$ SELECT emailgw_api.record_sts_policies('{a.example}', '{1}', '{none}', '{""}', '{1}') $$,
    $$ SELECT emailgw_api.record_webhooks('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', 1) $$,
    $$ SELECT emailgw_api.made_for() $$,
    $$ SELECT emailgw_api.make_partitions() $$,
    $$ SELECT emailgw_api.durability() $$,
    $$ SELECT emailgw_api.sweep_cancelled(10) $$,
    $$ SELECT emailgw_api.claim_list_job(60, 10, 10) $$,
    $$ SELECT emailgw_api.get_list_targets(1, 1, 1, 0, 1, 1) $$,
    $$ SELECT emailgw_api.store_list_batch(1, '00000000-0000-7000-8000-000000000000', 1, 0, 0, 0, 0, false, '[]') $$,
    $$ SELECT emailgw_api.claim_erasure(60) $$,
    $$ SELECT emailgw_api.erase_step(1, 1, 'a@example.org', 'hash:1:x', 10) $$,
    $$ SELECT emailgw_api.next_erasure_part(1, 1) $$,
    $$ SELECT emailgw_api.erase_texts('{a@example.org}', '{x}') $$,
    $$ SELECT emailgw_api.put_erasure_part(1, 1, 1, '00000000-0000-7000-8000-000000000001', 0, '\x01', '\x02') $$,
    $$ SELECT emailgw_api.housekeeping(7, 90) $$]) AS s;
SELECT is(pg_temp.rows_of(:account, 'queue'), 0, '... and the mail is delivered');

-- No other function, by calling it.
CREATE FUNCTION pg_temp.calls(p_role text) RETURNS text[]
LANGUAGE sql STABLE
AS $$
    SELECT array_agg(format('SELECT %I.%I(%s)', n.nspname, p.proname,
                            (SELECT string_agg('(SELECT NULL::' || t::regtype || ')', ', ' ORDER BY o)
                                FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, o))))
      FROM pg_proc AS p
      JOIN pg_namespace AS n ON n.oid = p.pronamespace
     WHERE n.nspname IN ('emailgw_api', 'emailgw')
       AND NOT EXISTS (SELECT FROM granted AS g WHERE g.role = p_role AND g.function = p.proname
           AND n.nspname = 'emailgw_api')
$$;
SELECT is(pg_temp.not_refused(r, pg_temp.calls(r)), '{}', r || ' calls no other function')
  FROM unnest(ARRAY['emailgw_module', 'emailgw_sender', :'stranger']) AS r;
SELECT cmp_ok(cardinality(pg_temp.calls('emailgw_module')), '>', 30, '... of the many that there are');

-- No table, by trying.
CREATE FUNCTION pg_temp.on_tables(p_pattern text) RETURNS text[]
LANGUAGE sql STABLE
AS $$
    SELECT array_agg(format(p_pattern, c.oid::regclass,
              (SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum = 1)))
      FROM pg_class AS c WHERE c.relnamespace = 'emailgw'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
$$;
SELECT is(pg_temp.not_refused(r, pg_temp.on_tables(s)), '{}', r || ': no ' || split_part(s, ' ', 1)
          || ' on any table')
  FROM unnest(ARRAY['emailgw_module', 'emailgw_sender', :'stranger']) AS r,
       unnest(ARRAY['SELECT FROM %s', 'INSERT INTO %s DEFAULT VALUES', 'UPDATE %s SET %I = NULL',
           'DELETE FROM %s', 'TRUNCATE %s']) AS s;
SELECT is(pg_temp.not_refused(r, (SELECT array_agg(format('SELECT nextval(%L)', c.oid::regclass))
          FROM pg_class AS c
                                   WHERE c.relnamespace = 'emailgw'::regnamespace AND c.relkind = 'S')), '{}',
                                       r || ': no sequence')
  FROM unnest(ARRAY['emailgw_module', 'emailgw_sender', :'stranger']) AS r;

-- Nothing can be made.
SELECT is(pg_temp.not_refused(r, ARRAY['CREATE TABLE emailgw.x ()', 'CREATE TABLE emailgw_api.x ()',
          'CREATE TABLE public.x ()',
                                       'CREATE FUNCTION emailgw_api.x() RETURNS integer LANGUAGE sql RETURN 1', 'CREATE SCHEMA x', 'CREATE ROLE x',
                                       'DROP FUNCTION emailgw_api.make_partitions',
                                           'GRANT emailgw_sender TO emailgw_module']),
          '{}', r || ' makes nothing')
  FROM unnest(ARRAY['emailgw_module', 'emailgw_sender']) AS r;
SELECT is((SELECT coalesce(array_agg(m.roleid::regrole::text), '{}') FROM pg_auth_members AS m
          WHERE m.member = r::regrole), '{}',
          r || ' can become no other role')
  FROM unnest('{emailgw_module,emailgw_sender}'::text[]) AS r;

-- What runs with the owner's rights looks names up where it should.
SELECT is((SELECT coalesce(array_agg(p.proname::text), '{}') FROM pg_proc AS p
            WHERE p.pronamespace = 'emailgw_api'::regnamespace AND p.prosecdef
              AND NOT coalesce('search_path=emailgw, pg_temp' = ANY (p.proconfig), false)), '{}',
                  'a fixed search_path on every function with the owner''s rights');
SELECT is((SELECT coalesce(array_agg(g.function), '{}') FROM granted AS g
          JOIN pg_proc AS p ON p.proname = g.function AND NOT p.prosecdef
            WHERE p.pronamespace = 'emailgw_api'::regnamespace), '{}', '... which all that are granted have');
SELECT is((SELECT coalesce(array_agg(p.proname::text), '{}') FROM pg_proc AS p
          JOIN granted AS g ON g.function = p.proname
            WHERE p.pronamespace = 'emailgw_api'::regnamespace AND g.role = 'emailgw_module'
                AND p.proname <> 'make_partitions'
              AND coalesce((p.proargnames)[1], '') NOT IN ('p_account_id', 'p_account_ids')), '{}',
                  'the routing key is the first argument of what the module calls, or one for each element of the others');

SELECT * FROM finish();
ROLLBACK;
