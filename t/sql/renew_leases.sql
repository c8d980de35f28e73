-- renew_leases: more time for those who own a row, and for no one else.
\ir lib/setup.psql
SELECT plan(9);

DELETE FROM emailgw.queue; -- undone in the end
SELECT message_id AS id FROM pg_temp.send(:account, p_emails => '{ann@example.net,bob@example.org}') \gset
SELECT jsonb_agg(jsonb_build_object('account_id', c.account_id, 'message_id', c.message_id, 'recipient_no', c.recipient_no, 'attempt', c.attempt)
                 ORDER BY c.recipient_no) AS jobs
  FROM emailgw_api.claim_messages(100, 60, 0) AS c \gset
CREATE FUNCTION pg_temp.state(p_account_id bigint) RETURNS text[] LANGUAGE sql STABLE
AS $$
    SELECT array_agg(concat_ws(' ', q.ready, q.leased, q.next_at - now()) ORDER BY q.recipient_no) FROM emailgw.queue AS q WHERE q.account_id = p_account_id
$$;

SELECT set_eq(format('SELECT no FROM emailgw_api.renew_leases(%L, 120)', :'jobs'), '{1,2}'::integer[], 'both are renewed');
SELECT is(pg_temp.state(:account), '{"f t 00:02:00","f t 00:02:00"}', '... from now on');
SELECT set_eq(format('SELECT no FROM emailgw_api.renew_leases(jsonb_build_array(%L::jsonb -> 1), 90)', :'jobs'), '{1}'::integer[], 'one alone');
SELECT is(pg_temp.state(:account), '{"f t 00:02:00","f t 00:01:30"}', '... and no other');

UPDATE emailgw.queue SET next_at = now() WHERE account_id = :account;
SELECT emailgw_api.wake_queue(100) \gset
SELECT set_eq(format('SELECT no FROM emailgw_api.renew_leases(%L, 60)', :'jobs'), '{1,2}'::integer[], 'over and not taken: taken back');
SELECT is(pg_temp.state(:account), '{"f t 00:01:00","f t 00:01:00"}', '... out of what is ready');

UPDATE emailgw.queue SET next_at = now() WHERE account_id = :account AND recipient_no = 1;
SELECT count(*) FROM emailgw_api.claim_messages(100, 60, 0) \gset
SELECT set_eq(format('SELECT no FROM emailgw_api.renew_leases(%L, 120)', :'jobs'), '{2}'::integer[], 'another''s by now: not renewed');
SELECT is(pg_temp.state(:account), '{"f t 00:01:00","f t 00:02:00"}', '... not even a little');
SELECT is_empty($$ SELECT no FROM emailgw_api.renew_leases('[]', 60) $$, 'none to renew');

SELECT * FROM finish();
ROLLBACK;
