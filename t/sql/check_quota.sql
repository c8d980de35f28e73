-- check_quota, used_quota, account_limits, add_usage, and accept under limits:
-- recipients counted, own limits before the group's.
\ir lib/setup.psql
SELECT plan(45);

-- Sets the limits of one account (own) or of its group.
CREATE FUNCTION pg_temp.limit_account(p_account_id bigint, p_own text[], p_hour bigint, p_day bigint,
    p_month bigint)
RETURNS void LANGUAGE sql VOLATILE
AS $$
    UPDATE emailgw.account SET own_limits = p_own, sends_per_hour = p_hour, sends_per_day = p_day,
                               sends_per_month = p_month WHERE account_id = p_account_id
$$;
CREATE FUNCTION pg_temp.limit_group(p_account_id bigint, p_hour bigint, p_day bigint, p_month bigint)
RETURNS void LANGUAGE sql VOLATILE
AS $$
    WITH made AS (INSERT INTO emailgw.account_group (name, sends_per_hour, sends_per_day, sends_per_month,
        max_domains)
                  VALUES (gen_random_uuid()::text, p_hour, p_day, p_month, 7) RETURNING group_id)
    UPDATE emailgw.account SET group_id = made.group_id FROM made WHERE account_id = p_account_id
$$;
-- The period that stands against p_count more mails.
CREATE FUNCTION pg_temp.against(p_account_id bigint, p_count integer, p_hour bigint, p_day bigint,
    p_month bigint)
RETURNS text LANGUAGE sql VOLATILE
AS $$ SELECT period FROM emailgw_api.check_quota(p_account_id, p_count, p_hour, p_day, p_month, 0) $$;

-- Has this transaction taken the lock on an account?
CREATE FUNCTION pg_temp.waits() RETURNS boolean LANGUAGE sql VOLATILE
AS $$ SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
    AND objsubid = 1) $$;
CREATE FUNCTION pg_temp.send_twice(p_account_id bigint,
    p_id uuid DEFAULT NULL) RETURNS integer[] LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_statuses integer[] := '{}';
BEGIN
    FOR i IN 1 .. 2 LOOP
        v_statuses := v_statuses || (pg_temp.send(p_account_id, p_id => p_id)).status;
    END LOOP;
    RETURN v_statuses;
END
$$;

SAVEPOINT clean;

-- account_limits.
SELECT results_eq('SELECT sends_per_hour, sends_per_day, sends_per_month, max_domains, group_name FROM emailgw_api.account_limits(' || :account || ')',
                  'VALUES (NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::text)', 'no limits');
SELECT pg_temp.limit_group(:account, 10, 20, NULL) \gset
SELECT results_eq('SELECT sends_per_hour, sends_per_day, sends_per_month, max_domains FROM emailgw_api.account_limits(' || :account || ')',
                  'VALUES (10::bigint, 20::bigint, NULL::bigint, 7::bigint)', 'the group''s limits');
SELECT pg_temp.limit_account(:account, '{hour,month}', NULL, 99, 30) \gset
SELECT results_eq('SELECT sends_per_hour, sends_per_day, sends_per_month, max_domains FROM emailgw_api.account_limits(' || :account || ')',
                  'VALUES (NULL::bigint, 20::bigint, 30::bigint, 7::bigint)',
                  'own limits, no limit among them, come before the group''s; what is not own does not count');
SELECT is((SELECT count(*) FROM emailgw_api.account_limits(0)), 0::bigint,
          'an account that does not exist has none');
ROLLBACK TO clean;

-- used_quota.
SELECT results_eq('SELECT hour, day, month FROM emailgw_api.used_quota(' || :account || ', now())',
                  'VALUES (0::numeric::bigint, 0::bigint, 0::bigint)', 'nothing used');
SELECT emailgw_api.add_usage(:account, 3), emailgw_api.add_usage(:account, 4) \gset
INSERT INTO emailgw.usage (account_id, period, starts_at, slot, sent)
VALUES (:account, 'h', date_trunc('hour', now(), 'UTC'), 99, 10), -- another connection's
       (:account, 'h', date_trunc('hour', now(), 'UTC') - interval '1 hour', 1, 1000),
       (:account, 'd', date_trunc('day', now(), 'UTC') - interval '1 day', 1, 1000),
       (:account, 'm', date_trunc('month', now(), 'UTC') - interval '1 month', 1, 1000),
       (:account + 64, 'h', date_trunc('hour', now(), 'UTC'), 1, 1000);
SELECT results_eq('SELECT hour, day, month FROM emailgw_api.used_quota(' || :account || ', now())',
                  'VALUES (17::bigint, 7::bigint, 7::bigint)',
                      'the sum over the slots of the present periods');
SET LOCAL TimeZone = 'Pacific/Chatham'; -- 13:45 ahead, or 12:45
SELECT results_eq('SELECT hour, day, month FROM emailgw_api.used_quota(' || :account || ', now())',
                  'VALUES (17::bigint, 7::bigint, 7::bigint)',
                      '... in UTC, whatever the session''s time zone');

-- period_end: each hour, day and month of a year, where clocks change.
SET LOCAL TimeZone = 'America/New_York';
SELECT is((SELECT count(*)
             FROM generate_series(timestamp '2027-01-01', '2027-12-31 23:00', '1 hour') AS t,
                  unnest(ARRAY['hour', 'day', 'month']) AS p
            WHERE emailgw_api.period_end(p, t AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
                  <> date_trunc(p, t) + ('1 ' || p)::interval),
          0::bigint, 'periods end by UTC, whatever the session''s time zone');

-- check_quota, with 17, 7, 7 used.
SELECT is(pg_temp.against(:account, 3, 20, NULL, NULL), NULL, 'up to the limit of the hour');
SELECT is(pg_temp.against(:account, 4, 20, NULL, NULL), 'hour', 'past the limit of the hour');
SELECT is(pg_temp.against(:account, 3, NULL, 10, NULL), NULL, 'up to the limit of the day');
SELECT is(pg_temp.against(:account, 4, NULL, 10, NULL), 'day', 'past the limit of the day');
SELECT is(pg_temp.against(:account, 3, NULL, NULL, 10), NULL, 'up to the limit of the month');
SELECT is(pg_temp.against(:account, 4, NULL, NULL, 10), 'month', 'past the limit of the month');
SELECT is(pg_temp.against(:account, 1000000, NULL, NULL, NULL), NULL, 'no limit');
SELECT is(pg_temp.against(:account, 1, 0, NULL, NULL), 'hour', 'a limit of none');
SELECT is(pg_temp.against(:account, 1, 17, 7, 7), 'hour', 'the shortest period is named first');
SELECT results_eq('SELECT allowed, ends_at FROM emailgw_api.check_quota(' || :account
          || ', 1, 17, NULL, NULL, 0)',
                  $$ SELECT 17::bigint, emailgw_api.period_end('hour', now()) $$,
                      'with the limit and the end of the hour');
SELECT results_eq('SELECT allowed, ends_at FROM emailgw_api.check_quota(' || :account
          || ', 1, NULL, 7, NULL, 0)',
                  $$ SELECT 7::bigint, emailgw_api.period_end('day', now()) $$,
                      '... of the day');
SELECT results_eq('SELECT allowed, ends_at AT TIME ZONE ''UTC'' FROM emailgw_api.check_quota(' || :account
          || ', 1, NULL, NULL, 7, 0)',
                  $$ SELECT 7::bigint, date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month' $$,
                      '... of the month');

-- More than a whole period has.
SELECT results_eq('SELECT period, allowed, ends_at FROM emailgw_api.check_quota(' || :account || ', 5, 100, 9, 4, 0)',
                  'VALUES (''month'', 4::bigint, NULL::timestamptz)', 'past a limit by itself: it ends never, also where another one is reached');
SELECT is(pg_temp.against(:account, 8, 5, NULL, 7), 'hour', '... past two of them');
SELECT isnt((emailgw_api.check_quota(:account, 4, 4, NULL, NULL, 0)).ends_at, NULL, 'as many as a limit allows: it ends');
SELECT isnt((emailgw_api.check_quota(:account, 4, 0, NULL, NULL, 0)).ends_at, NULL, '... and one of 0 is none that a mail is too much for');

SELECT is((emailgw_api.check_quota(:account, 1, 20, NULL, NULL, 2)).period, NULL, 'what is allowed already counts: up to it');
SELECT is((emailgw_api.check_quota(:account, 1, 20, NULL, NULL, 3)).period, 'hour', '... past it');

-- Who takes turns: only those near a limit, or with many recipients.
ROLLBACK TO clean;
SELECT pg_temp.against(:account, 2, 1000000, 1000000, 1000000) \gset
SELECT is(pg_temp.waits(), false, 'far from all limits: no lock');
SELECT pg_temp.against(:account, 1, 1000000, 1000000, NULL) \gset
SELECT is(pg_temp.waits(), false, 'far from the two limits there are: no lock');
SELECT pg_temp.against(:account, 150, 1000000, NULL, NULL) \gset
SELECT is(pg_temp.waits(), true, 'far, but to many at once: a lock');
ROLLBACK TO clean;
SELECT pg_temp.against(:account, 1, 1000000, 1000000, 1000) \gset
SELECT is(pg_temp.waits(), true, 'near one limit: a lock');
ROLLBACK TO clean;

-- accept: each limit, own and the group's, exact to the recipient.
SELECT pg_temp.limit_account(:account, '{hour}', 5, NULL, NULL) \gset
SELECT is((pg_temp.send(:account, p_emails => '{a@example.net,b@example.net,c@example.net}')).status, 0,
          '3 of 5 an hour');
SELECT is((pg_temp.send(:account, p_emails => '{a@example.net,b@example.net,c@example.net}')).status, 17,
          '3 more: 17');
SELECT is((SELECT hour FROM emailgw_api.used_quota(:account, now())), 3::bigint,
          'what was refused is not counted');
SELECT is((pg_temp.send(:account, p_emails => '{a@example.net,b@example.net}')).status, 0, '2 more: 0');
SELECT matches((pg_temp.send(:account)).detail, '^5 emails per hour, until \d{4}-\d\d-\d\d \d\d:00:00 UTC$',
          '17 says which limit');
SELECT is((pg_temp.send(:account)).retry_seconds,
          ceil(extract(epoch FROM date_trunc('hour', now(), 'UTC') + interval '1 hour' - now()))::integer,
          '... and when it ends');
UPDATE emailgw.usage SET starts_at = starts_at - interval '1 hour' WHERE account_id = :account
    AND period = 'h';
SELECT is((pg_temp.send(:account)).status, 0, 'in the next hour: 0');
ROLLBACK TO clean;
SELECT pg_temp.limit_account(:account, '{day}', NULL, 1, NULL) \gset
SELECT is(pg_temp.send_twice(:account), '{0,17}', 'own limit of the day');
SELECT matches((pg_temp.send(:account)).detail, '^1 emails per day, ', '... says so');
ROLLBACK TO clean;
SELECT pg_temp.limit_account(:account, '{month}', NULL, NULL, 1) \gset
SELECT is(pg_temp.send_twice(:account), '{0,17}', 'own limit of the month');
ROLLBACK TO clean;
SELECT pg_temp.limit_group(:account, 1, NULL, NULL) \gset
SELECT is(pg_temp.send_twice(:account), '{0,17}', 'the group''s limit of the hour');
SELECT pg_temp.limit_account(:account, '{hour}', NULL, NULL, NULL) \gset
SELECT is((pg_temp.send(:account)).status, 0, '... lifted by an own limit of none');
ROLLBACK TO clean;
SELECT pg_temp.limit_group(:account, NULL, 1, NULL) \gset
SELECT is(pg_temp.send_twice(:account), '{0,17}', 'the group''s limit of the day');
ROLLBACK TO clean;
SELECT pg_temp.limit_group(:account, NULL, NULL, 1) \gset
SELECT is(pg_temp.send_twice(:account), '{0,17}', 'the group''s limit of the month');
SELECT emailgw.uuid7(now()) AS id \gset
UPDATE emailgw.account SET group_id = NULL WHERE account_id = :account;
SELECT pg_temp.limit_account(:account, '{hour}', 2, NULL, NULL) \gset
SELECT is(pg_temp.send_twice(:account, :'id'), '{0,0}',
          'the same message id again, past the limit: its answer');

SELECT * FROM finish();
ROLLBACK;
