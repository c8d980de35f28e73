-- claim_messages with wake_queue, next_accounts and next_lanes: what is due,
-- fairly, each row to one owner at a time.
\ir lib/setup.psql
SELECT plan(36);

-- Rows straight into the queue: p_count recipients at p_domain.
CREATE FUNCTION pg_temp.enqueue(p_account_id bigint, p_count integer, p_domain text DEFAULT 'example.net',
                                p_next_at timestamptz DEFAULT now(),
                                    p_ready boolean DEFAULT true) RETURNS uuid
LANGUAGE sql VOLATILE
AS $$
    WITH m AS MATERIALIZED (SELECT emailgw.uuid7(now()) AS id)
    INSERT INTO emailgw.queue (account_id, message_id, recipient_no, domain_id, email, lane, ready, next_at,
        size_bytes)
    SELECT p_account_id, m.id, i, 1, 'r' || i || '@' || p_domain, hashtext(p_domain), p_ready, p_next_at, 100
      FROM m, generate_series(1, p_count) AS i;
    SELECT message_id FROM emailgw.queue WHERE account_id = p_account_id ORDER BY message_id DESC LIMIT 1
$$;
-- How many of each account or destination one claim takes: "11:3 75:1".
CREATE FUNCTION pg_temp.claim(p_limit integer, p_after bigint DEFAULT 0)
RETURNS TABLE (account_id bigint, recipient_no integer, attempt integer, domain text)
LANGUAGE sql VOLATILE
AS $$
    SELECT c.account_id, c.recipient_no, c.attempt, split_part(c.email, '@', 2)
      FROM emailgw_api.claim_messages(p_limit, 60, p_after) AS c
$$;
DELETE FROM emailgw.queue; -- undone in the end
SELECT pg_temp.new_account() AS second \gset
SELECT pg_temp.new_account() AS third \gset
SAVEPOINT clean;

SELECT is((SELECT count(*) FROM pg_temp.claim(10)), 0::bigint, 'nothing in the queue');

-- A lease.
SELECT pg_temp.enqueue(:account, 3) AS id \gset
SELECT results_eq('SELECT DISTINCT account_id, message_id, attempt, email = ''r'' || recipient_no || ''@example.net'', domain_id, size_bytes FROM emailgw_api.claim_messages(2, 60, 0)',
                  format('VALUES (%s::bigint, %L::uuid, 1, true, 1::bigint, 100)', :account, :'id'),
                      'what a claim tells');
SELECT is((SELECT count(*) FROM emailgw.queue WHERE leased AND NOT ready AND attempt = 1
          AND next_at = now() + interval '60 s'
              AND first_attempt_at = now()), 2::bigint, 'p_limit rows are leased, for as long as asked');
SELECT is((SELECT count(*) FROM pg_temp.claim(10)), 1::bigint, 'what is leased is skipped');
SELECT is((SELECT count(*) FROM pg_temp.claim(10)), 0::bigint, '... and in the end nothing is left');
UPDATE emailgw.queue SET next_at = now() + interval '1 second', first_attempt_at = now() - interval '1 hour';
SELECT is((SELECT count(*) FROM pg_temp.claim(10)), 0::bigint, 'a second before the lease ends: nothing');
UPDATE emailgw.queue SET next_at = now() WHERE recipient_no = 1;
SELECT results_eq('SELECT recipient_no, attempt FROM pg_temp.claim(10)', 'VALUES (1, 2)',
          'after its end: claimed again, with a new fence');
SELECT is((SELECT first_attempt_at FROM emailgw.queue WHERE recipient_no = 1), now() - interval '1 hour',
          'the first attempt stays the first');
UPDATE emailgw.queue SET attempt = 40000, next_at = now() WHERE recipient_no = 1;
SELECT results_eq('SELECT attempt FROM pg_temp.claim(10)', 'VALUES (40001)',
          'a fence has room for many leases');
ROLLBACK TO clean;

-- Times.
SELECT pg_temp.enqueue(:account, 1, p_next_at => now() + interval '1 second', p_ready => false) \gset
SELECT is((SELECT count(*) FROM pg_temp.claim(10)), 0::bigint, 'SendAt ahead: not yet');
UPDATE emailgw.queue SET next_at = now();
SELECT is((SELECT count(*) FROM pg_temp.claim(10)), 1::bigint, 'SendAt come: claimed');
ROLLBACK TO clean;
SELECT pg_temp.enqueue(:account, 1, p_next_at => now() - i * interval '1 minute')
          FROM generate_series(1, 9) AS i \o /dev/null \g
\o
SELECT is((SELECT min(q.next_at) FROM emailgw.queue AS q
            WHERE (q.account_id, q.message_id, q.recipient_no) NOT IN
                  (SELECT c.account_id, c.message_id, c.recipient_no
                      FROM emailgw_api.claim_messages(4, 60, 0) AS c)),
          now() - interval '5 minutes', 'within a lane the longest due come first');
ROLLBACK TO clean;

-- Between accounts.
SELECT pg_temp.enqueue(:account, 1000), pg_temp.enqueue(:second, 1) \gset
SELECT results_eq('SELECT account_id, count(*) FROM pg_temp.claim(100) GROUP BY 1 ORDER BY 1',
                  format('VALUES (%s::bigint, 50::bigint), (%s, 1)', :account, :second),
                      '1,000 rows and 1: the one is not kept waiting');
SELECT is((SELECT count(*) FROM pg_temp.claim(100)), 100::bigint, 'an account alone takes all');
SELECT pg_temp.enqueue(:second, 1000), pg_temp.enqueue(:third, 1000) \gset
SELECT results_eq('SELECT account_id, count(*) FROM pg_temp.claim(90) GROUP BY 1 ORDER BY 1',
                  format('VALUES (%s::bigint, 30::bigint), (%s, 30), (%s, 30)', :account, :second, :third),
                      'equal parts');
SELECT is(ARRAY(SELECT count(*) FROM pg_temp.claim(2, :account)
          GROUP BY account_id HAVING account_id > :account), '{1,1}',
          'fewer than accounts: those after the last one served');
SELECT is(ARRAY(SELECT account_id FROM pg_temp.claim(1, :third)), ARRAY[:account]::bigint[],
          '... and round again');
ROLLBACK TO clean;
SELECT pg_temp.enqueue(:account, 5), pg_temp.enqueue(:second, 1000) \gset
SELECT is((SELECT count(*) FROM pg_temp.claim(100)), 100::bigint,
          'what one account cannot use goes to the next');
ROLLBACK TO clean;

-- Between destinations.
SELECT pg_temp.enqueue(:account, 1000, 'example.net'), pg_temp.enqueue(:account, 1, 'example.org') \gset
SELECT is((SELECT count(*) FROM pg_temp.claim(10) WHERE domain = 'example.org'), 1::bigint,
          '1,000 to one destination and 1 to another: the one goes out');
SELECT is((SELECT count(*) FROM pg_temp.claim(10) WHERE domain = 'example.net'), 10::bigint,
          'a destination alone takes all');
SELECT pg_temp.enqueue(:account, 1000, 'example.org'), pg_temp.enqueue(:account, 1000, 'example.com') \gset
SELECT results_eq('SELECT domain, count(*) FROM pg_temp.claim(30) GROUP BY 1 ORDER BY 1',
                  $$ VALUES ('example.com', 10::bigint), ('example.net', 10), ('example.org', 10) $$,
                      'equal parts');
ROLLBACK TO clean;
SELECT pg_temp.enqueue(:account, 1, 'd' || i || '.example.net')
          FROM generate_series(1, 100) AS i \o /dev/null \g
\o
SELECT is((SELECT count(DISTINCT domain) FROM pg_temp.claim(10)), 10::bigint,
          'more destinations than places: one each');
CREATE FUNCTION pg_temp.drain() RETURNS integer LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_claims integer := 0;
BEGIN
    WHILE EXISTS (SELECT FROM pg_temp.claim(10)) LOOP
        v_claims := v_claims + 1;
    END LOOP;
    RETURN v_claims;
END
$$;
SELECT is(pg_temp.drain(), 9, '... and all have had their turn after as many claims as it takes');
SELECT is((SELECT max(attempt) FROM emailgw.queue), 1, '... none of them twice');
ROLLBACK TO clean;

-- wake_queue.
SELECT pg_temp.enqueue(:account, 5, p_next_at => now() - interval '1 minute', p_ready => false),
       pg_temp.enqueue(:second, 5, p_next_at => now() - interval '2 minutes', p_ready => false),
       pg_temp.enqueue(:third, 5, p_next_at => now() + interval '1 minute', p_ready => false) \gset
SELECT emailgw_api.wake_queue(7) \gset
SELECT results_eq('SELECT account_id, count(*) FROM emailgw.queue WHERE ready GROUP BY 1 ORDER BY 1',
                  format('VALUES (%s::bigint, 2::bigint), (%s, 5)', :account, :second),
                      'wakes as many as asked, the longest due first');
SELECT emailgw_api.wake_queue(100) \gset
SELECT is((SELECT count(*) FROM emailgw.queue WHERE ready), 10::bigint, '... and what is not due never');
ROLLBACK TO clean;
SELECT pg_temp.enqueue(:account, 1500, p_next_at => now() - interval '1 hour', p_ready => false),
       pg_temp.enqueue(:second, 1, p_next_at => now() - interval '1 minute', p_ready => false) \gset
SELECT pg_temp.claim(10) \o /dev/null \g
\o
SELECT is((SELECT count(*) FROM pg_temp.claim(10) WHERE account_id = :second), 1::bigint,
          'an account''s heap of due mail does not hold up another''s');
ROLLBACK TO clean;

-- next_accounts.
SELECT is(emailgw_api.next_accounts(0, 10), '{}', 'no account has anything');
SELECT pg_temp.enqueue(:account, 2), pg_temp.enqueue(:second, 2), pg_temp.enqueue(:third, 2) \gset
SELECT is(emailgw_api.next_accounts(0, 10), ARRAY[:account, :second, :third]::bigint[],
          'each once, in order');
SELECT is(emailgw_api.next_accounts(:account, 10), ARRAY[:second, :third, :account]::bigint[],
          'from the one after the last, round');
SELECT is(emailgw_api.next_accounts(:third, 2), ARRAY[:account, :second]::bigint[], 'no more than asked');
UPDATE emailgw.queue SET ready = false WHERE account_id = :second;
SELECT is(emailgw_api.next_accounts(:account + 1, 10), ARRAY[:third, :account]::bigint[],
          'only those with something ready');

-- next_lanes.
SELECT is(emailgw_api.next_lanes(:second, 10), '{}', 'no lane has anything');
SELECT pg_temp.enqueue(:account, 2, 'example.org'), pg_temp.enqueue(:account, 2, 'example.com') \gset
SELECT ok(bool_and(ARRAY(SELECT unnest(l.lanes) ORDER BY 1)
                   = ARRAY(SELECT hashtext(d)
                       FROM unnest('{example.com,example.net,example.org}'::text[]) AS d ORDER BY 1)),
          'each lane once, whichever is first')
  FROM generate_series(1, 50) AS i, LATERAL (SELECT emailgw_api.next_lanes(:account, 10 + i) AS lanes) AS l;
SELECT is(array_agg(DISTINCT cardinality(l.lanes)), '{2}', 'no more than asked')
  FROM generate_series(1, 50) AS i, LATERAL (SELECT emailgw_api.next_lanes(:account,
      2 + 0 * i) AS lanes) AS l;
UPDATE emailgw.queue SET lane = CASE WHEN email LIKE '%com' THEN -2147483648 ELSE 2147483647 END
    WHERE account_id = :account;
SELECT is(array_agg(DISTINCT cardinality(l.lanes)), '{2}', 'the first and the last lane there can be')
  FROM generate_series(1, 20) AS i, LATERAL (SELECT emailgw_api.next_lanes(:account, 10 + i) AS lanes) AS l;

SELECT * FROM finish();
ROLLBACK;
