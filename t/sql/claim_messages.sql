-- claim_messages with wake_queue, next_accounts and next_lanes: what is due,
-- fairly, each row to one owner at a time.
\ir lib/setup.psql
SELECT plan(54);

-- Rows straight into the queue: p_count recipients at p_domain, from p_from or the account's first domain.
CREATE FUNCTION pg_temp.enqueue(p_account_id bigint, p_count integer, p_domain text DEFAULT 'example.net',
                                p_next_at timestamptz DEFAULT now(),
                                    p_ready boolean DEFAULT true, p_from bigint DEFAULT NULL) RETURNS uuid
LANGUAGE sql VOLATILE
AS $$
    WITH m AS MATERIALIZED (SELECT emailgw.uuid7(now()) AS id)
    INSERT INTO emailgw.queue (account_id, message_id, recipient_no, domain_id, epoch, email, lane, ready, next_at,
        size_bytes)
    SELECT p_account_id, m.id, i, d.domain_id, d.queue_epoch, 'r' || i || '@' || p_domain, hashtext(p_domain), p_ready,
           p_next_at, 100
      FROM m, generate_series(1, p_count) AS i,
           LATERAL (SELECT f.* FROM emailgw.domain AS f
                     WHERE f.account_id = p_account_id AND f.domain_id = coalesce(p_from, f.domain_id)
                     ORDER BY f.domain_id LIMIT 1) AS d;
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
SELECT pg_temp.new_domain(a, 'example.org') FROM unnest(ARRAY[:second, :third]::bigint[]) AS a \o /dev/null \g
\o
SAVEPOINT clean;

SELECT is((SELECT count(*) FROM pg_temp.claim(10)), 0::bigint, 'nothing in the queue');

-- A lease.
SELECT pg_temp.enqueue(:account, 3) AS id \gset
SELECT results_eq('SELECT DISTINCT account_id, message_id, attempt, email = ''r'' || recipient_no || ''@example.net'', domain_id, size_bytes FROM emailgw_api.claim_messages(2, 60, 0)',
                  format('VALUES (%s::bigint, %L::uuid, 1, true, %s::bigint, 100)', :account, :'id', :domain),
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
SELECT is(ARRAY(SELECT account_id FROM emailgw_api.next_accounts(0, 10)), '{}', 'no account has anything');
SELECT pg_temp.enqueue(:account, 2), pg_temp.enqueue(:second, 2), pg_temp.enqueue(:third, 2) \gset
SELECT is(ARRAY(SELECT account_id FROM emailgw_api.next_accounts(0, 10)), ARRAY[:account, :second, :third]::bigint[],
          'each once, in order');
SELECT is(ARRAY(SELECT account_id FROM emailgw_api.next_accounts(:account, 10)), ARRAY[:second, :third, :account]::bigint[],
          'from the one after the last, round');
SELECT is(ARRAY(SELECT account_id FROM emailgw_api.next_accounts(:third, 2)), ARRAY[:account, :second]::bigint[], 'no more than asked');
UPDATE emailgw.queue SET ready = false WHERE account_id = :second;
SELECT is(ARRAY(SELECT account_id FROM emailgw_api.next_accounts(:account + 1, 10)), ARRAY[:third, :account]::bigint[],
          'only those with something ready');

-- next_lanes.
SELECT is_empty(format('SELECT * FROM emailgw_api.next_lanes(%s, NULL, 10)', :second), 'no lane has anything');
SELECT pg_temp.enqueue(:account, 2, 'example.org'), pg_temp.enqueue(:account, 2, 'example.com') \gset
-- The lanes of an account, as many times as there are ways to begin.
CREATE FUNCTION pg_temp.lanes(p_account_id bigint, p_limit integer) RETURNS TABLE (lanes text[])
LANGUAGE sql VOLATILE
AS $$
    SELECT ARRAY(SELECT concat_ws(' ', l.domain_id, l.epoch, l.lane)
                   FROM emailgw_api.next_lanes(p_account_id, (SELECT min(q.domain_id) FROM emailgw.queue AS q
                         WHERE q.account_id = p_account_id AND q.ready), p_limit + 0 * i) AS l ORDER BY 1)
      FROM generate_series(1, 50) AS i
$$;
CREATE FUNCTION pg_temp.expected(p_account_id bigint, p_epochs integer[]) RETURNS text[]
LANGUAGE sql STABLE
AS $$
    SELECT ARRAY(SELECT DISTINCT concat_ws(' ', q.domain_id, q.epoch, q.lane) FROM emailgw.queue AS q
                  WHERE q.account_id = p_account_id AND q.epoch = ANY (p_epochs) ORDER BY 1)
$$;
SELECT is(array_agg(DISTINCT array_to_string(l.lanes, ',')), ARRAY[array_to_string(pg_temp.expected(:account, '{0}'), ',')],
          'each lane once, whichever is first') FROM pg_temp.lanes(:account, 10) AS l;
SELECT is(array_agg(DISTINCT cardinality(l.lanes)), '{2}', 'no more than asked') FROM pg_temp.lanes(:account, 2) AS l;
SELECT is((SELECT count(DISTINCT l.lanes[1]) FROM pg_temp.lanes(:account, 1) AS l), 3::bigint, 'each is first at times');
SAVEPOINT three;
UPDATE emailgw.queue SET lane = CASE WHEN email LIKE '%com' THEN -2147483648 ELSE 2147483647 END
    WHERE account_id = :account;
SELECT is(array_agg(DISTINCT cardinality(l.lanes)), '{2}', 'the first and the last lane there can be')
  FROM pg_temp.lanes(:account, 10) AS l;
ROLLBACK TO three;

-- Between domains of an account.
SELECT pg_temp.new_domain(:account, 'second.example') AS other \gset
SELECT pg_temp.new_domain(:account, 'third.example') AS last \gset
SELECT pg_temp.enqueue(:account, 1000, p_from => :other), pg_temp.enqueue(:account, 2, p_from => :last) \gset
SELECT is(array_agg(DISTINCT array_to_string(l.lanes, ',')), ARRAY[array_to_string(pg_temp.expected(:account, '{0}'), ',')],
          'three domains: each lane of each once') FROM pg_temp.lanes(:account, 10) AS l;
SELECT is((SELECT count(DISTINCT l.lanes[1]) FROM pg_temp.lanes(:account, 1) AS l), 5::bigint, '... and each is first at times');

-- What was cut off.
SELECT emailgw_api.cut_off_queue(:account, :other) \gset
SELECT is((SELECT count(*) FROM unnest(pg_temp.expected(:account, '{0}')) AS e), 5::bigint, 'a domain is cut off: its rows are there');
SELECT is(array_agg(DISTINCT cardinality(l.lanes)), '{4}', '... and its lane is not') FROM pg_temp.lanes(:account, 10) AS l;
SELECT pg_temp.enqueue(:account, 7, 'later.example', p_from => :other) \gset
SELECT is(array_agg(DISTINCT cardinality(l.lanes)), '{5}', 'what it queues afterwards has a lane') FROM pg_temp.lanes(:account, 10) AS l;
CREATE FUNCTION pg_temp.claim_all() RETURNS TABLE (domain_id bigint, count bigint) LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    CREATE TEMPORARY TABLE claimed (domain_id bigint);
    LOOP
        INSERT INTO claimed SELECT c.domain_id FROM emailgw_api.claim_messages(100, 60, 0) AS c;
        EXIT WHEN NOT FOUND;
    END LOOP;
    RETURN QUERY SELECT c.domain_id, count(*) FROM claimed AS c GROUP BY 1 ORDER BY 1;
    DROP TABLE claimed;
END
$$;
SELECT emailgw_api.cut_off_queue(:account, :last) \gset
SELECT is(ARRAY(SELECT account_id FROM emailgw_api.next_accounts(0, 10)), ARRAY[:account, :third]::bigint[],
          'an account with something left is among the next ones');
SELECT results_eq('SELECT * FROM pg_temp.claim_all() WHERE domain_id IN (' || concat_ws(',', :domain, :other, :last) || ')',
                  format('VALUES (%s::bigint, 6::bigint), (%s, 7)', :domain, :other), 'claims take all the rest and nothing of it');
SELECT is(ARRAY(SELECT account_id FROM emailgw_api.next_accounts(0, 10)), '{}', 'an account with nothing left is not among the next ones');
SELECT is((SELECT count(*) FROM emailgw.queue WHERE account_id = :account AND ready), 1002::bigint, '... though it has rows');
-- What was cut off stands in a lane behind the start, what is new in one before it.
SAVEPOINT lanes;
UPDATE emailgw.queue SET lane = 2000000000 WHERE account_id = :account AND domain_id = :last;
SELECT pg_temp.enqueue(:account, 1, 'new.example', p_from => :last) \gset
UPDATE emailgw.queue SET lane = -2000000000 WHERE account_id = :account AND email LIKE '%@new.example';
SELECT is((SELECT count(*) FROM generate_series(1, 200)
            WHERE ARRAY(SELECT account_id FROM emailgw_api.next_accounts(0, 10)) = ARRAY[:account]::bigint[]), 200::bigint,
          '... but what it queues afterwards is found every time');
ROLLBACK TO lanes;
UPDATE emailgw.queue SET ready = false, next_at = now() WHERE account_id = :account AND domain_id = :other AND epoch = 0;
SELECT is((SELECT count(*) FROM pg_temp.claim(100)), 0::bigint, 'nor when they come due later');

-- Lanes that are held: passed over, but for what is overdue there.
ROLLBACK TO clean;
SELECT pg_temp.enqueue(:account, 2, 'live.example'), pg_temp.enqueue(:account, 3, 'dead.example') \gset
SELECT pg_temp.enqueue(:account, 4, 'dead.example', now() - interval '49 hours') \gset
SELECT hashtext('dead.example') AS dead \gset
CREATE FUNCTION pg_temp.claim_but(p_held integer) RETURNS TABLE (domain text, overdue boolean, count bigint)
LANGUAGE sql VOLATILE
AS $$
    SELECT split_part(c.email, '@', 2), c.overdue, count(*)
      FROM emailgw_api.claim_messages(100, 60, 0, ARRAY[p_held], ARRAY[p_held], 48 * 3600) AS c
     WHERE c.message_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
$$;
SELECT is((SELECT count(*) FROM emailgw_api.claim_messages(100, 60, 0, ARRAY[:dead, hashtext('live.example')], '{}', 48 * 3600)
            WHERE message_id IS NOT NULL), 0::bigint, 'lanes that are held for a moment give nothing, however old');
SELECT results_eq('SELECT * FROM pg_temp.claim_but(' || :dead || ')',
                  $$ VALUES ('dead.example', true, 4::bigint), ('live.example', false, 2) $$,
                  'a held lane gives what is overdue, the others give all');
SELECT is((SELECT count(*) FROM pg_temp.claim_but(:dead)), 0::bigint, '... and then nothing');
SELECT results_eq('SELECT account_id, message_id FROM emailgw_api.claim_messages(100, 60, 0, ARRAY[' || :dead || '], ARRAY[' || :dead || '], 48 * 3600)',
                  'SELECT ' || :account || '::bigint, NULL::uuid', '... but whose turn it was');
SELECT results_eq('SELECT * FROM pg_temp.claim_but(0)', $$ VALUES ('dead.example', false, 3::bigint) $$,
                  'held no more, it gives the rest');
SELECT is((SELECT count(*) FROM emailgw_api.claim_messages(100, 60, 0, ARRAY[0], ARRAY[0], 48 * 3600)), 0::bigint, 'nothing ready: no row at all');

SELECT * FROM finish();
ROLLBACK;
