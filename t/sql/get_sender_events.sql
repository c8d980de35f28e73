-- get_sender_events: order, pages, the exact total, filters, and whose events.
\ir lib/setup.psql
SELECT plan(34);

-- Event n of a domain: n seconds after 10:00:00, of message n / 10.
CREATE FUNCTION pg_temp.message(p_no integer) RETURNS uuid LANGUAGE sql IMMUTABLE
AS $$ SELECT (left(emailgw.uuid7_floor(now())::text, 24) || lpad(p_no::text, 12, '0'))::uuid $$;
CREATE FUNCTION pg_temp.make_event(p_account_id bigint, p_domain_id bigint, p_no integer, p_type integer,
    p_at timestamptz) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO emailgw.event (account_id, domain_id, event_id, type, at, message_id, recipient_no, email,
        detail)
    VALUES (p_account_id, p_domain_id, emailgw.uuid7(p_at), p_type, p_at, pg_temp.message(p_no / 10), 1, 'r'
        || p_no || '@example.net',
            jsonb_build_object('attempt', p_no));
    SELECT emailgw_api.count_events(ARRAY[p_account_id], ARRAY[p_domain_id], ARRAY[p_type], ARRAY[p_at],
                                    ARRAY[pg_temp.message(p_no / 10)], ARRAY[NULL::boolean])
$$;
SELECT date_trunc('day', now(), 'UTC') - interval '14 hours' AS start \gset
SELECT pg_temp.new_domain(:account, 'example.org') AS second \gset
SELECT pg_temp.new_key(:account, :second, '\x02'),
          pg_temp.new_key(:account, :domain, '\x03', 'send,webhooks') \gset
SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_domain(:other, 'example.com') AS other_domain \gset
INSERT INTO emailgw.message (account_id, message_id, domain_id, api_key_id, from_email, from_name, subject,
    tags, list_id,
                             subscriber_id, journey_id, action_id, size_bytes)
SELECT :account, pg_temp.message(i), :domain, :key, 'a@example.com', '', '', '{x,y}', 1, 2, 3, i, 1
          FROM generate_series(0, 2) AS i;
SELECT pg_temp.make_event(:account, :domain, i, CASE WHEN i < 20 THEN 1 ELSE 2 END,
          :'start'::timestamptz + i * interval '1 second')
  FROM generate_series(0, 29) AS i \o /dev/null \g
\o
SELECT pg_temp.make_event(:account, :second, 100, 1, :'start'),
          pg_temp.make_event(:other, :domain, 101, 1, :'start'),
       pg_temp.make_event(:other, :other_domain, 102, 1, :'start') \gset

-- The first letters of who got them, for a page.
CREATE FUNCTION pg_temp.page(p_account_id bigint, p_key bytea, p_start bigint DEFAULT 0,
    p_count integer DEFAULT 100,
                             p_since timestamptz DEFAULT NULL, p_until timestamptz DEFAULT NULL,
                                 p_type smallint DEFAULT NULL,
                             p_message_id uuid DEFAULT NULL)
RETURNS TABLE (status integer, total bigint, emails text)
LANGUAGE sql STABLE
AS $$
    SELECT min(e.status), min(e.total), coalesce(string_agg(split_part(e.email, '@', 1), ' ' ORDER BY e.no),
              '')
      FROM emailgw_api.get_sender_events(p_account_id, p_key, p_start, p_count, p_since, p_until, p_type,
          p_message_id)
           WITH ORDINALITY AS e (status, total, event_id, type, at_us, message_id, email, detail, tags,
               list_id, subscriber_id,
                                 journey_id, action_id, no)
$$;
\set page 'SELECT * FROM pg_temp.page(' :account ', '

SELECT results_eq(:'page' || $$ '\x01', 0, 3) $$, $$ VALUES (0, 30::bigint, 'r29 r28 r27') $$,
          'newest first, with the total of all');
SELECT results_eq(:'page' || $$ '\x01', 3, 2) $$, $$ VALUES (0, 30::bigint, 'r26 r25') $$, 'the next page');
SELECT results_eq(:'page' || $$ '\x01', 28, 5) $$, $$ VALUES (0, 30::bigint, 'r1 r0') $$, 'the last page');
SELECT results_eq(:'page' || $$ '\x01', 30, 5) $$, $$ VALUES (0, 30::bigint, '') $$,
          'past the end: none, with the total');
SELECT results_eq(:'page' || $$ '\x01', 9007199254740991, 5) $$, $$ VALUES (0, 30::bigint, '') $$,
          'far past the end');
SELECT results_eq(:'page' || $$ '\x01', 0, 0) $$, $$ VALUES (0, 30::bigint, '') $$, 'a page of none');
SELECT is((SELECT string_agg(p.emails, ' ' ORDER BY s) FROM generate_series(0, 28, 4) AS s,
          pg_temp.page(:account, '\x01', s, 4) AS p),
          (SELECT p.emails FROM pg_temp.page(:account, '\x01') AS p),
              'pages one after another are the whole');

-- Time: both ends included, the later one to the end of its second.
SELECT results_eq(:'page' || format($$ '\x01', p_since => %L) $$, :'start'::timestamptz + interval '27 s'),
                  $$ VALUES (0, 3::bigint, 'r29 r28 r27') $$, 'since: included');
SELECT results_eq(:'page' || format($$ '\x01', p_until => %L) $$, :'start'::timestamptz + interval '2 s'),
                  $$ VALUES (0, 3::bigint, 'r2 r1 r0') $$, 'until: included');
SELECT results_eq(:'page' || format($$ '\x01', p_since => %1$L, p_until => %1$L) $$,
          :'start'::timestamptz + interval '5 s'),
                  $$ VALUES (0, 1::bigint, 'r5') $$, 'the same second for both');
SAVEPOINT another;
SELECT pg_temp.make_event(:account, :domain, 30, 1, :'start'::timestamptz + interval '40.9999 s') \gset
SELECT results_eq(:'page' || format($$ '\x01', p_since => %1$L, p_until => %1$L) $$,
          :'start'::timestamptz + interval '40 s'),
                  $$ VALUES (0, 1::bigint, 'r30') $$, '... to its last microsecond');
ROLLBACK TO another;
SELECT results_eq(:'page' || format($$ '\x01', p_since => %L, p_until => %L) $$,
          :'start'::timestamptz + interval '5 s', :'start'),
                  $$ VALUES (0, 0::bigint, '') $$, 'since after until: none');
SELECT results_eq(:'page' || $$ '\x01', 0, 1, '1970-01-01', '9999-12-31 23:59:59') $$,
          $$ VALUES (0, 30::bigint, 'r29') $$, 'all the time there is');
SELECT results_eq(:'page' || $$ '\x01', p_until => '1970-01-01') $$, $$ VALUES (0, 0::bigint, '') $$,
          'long before');
SELECT results_eq(:'page' || format($$ '\x01', 1, 2, %L, %L) $$, date_trunc('day', :'start'::timestamptz, 'UTC'),
          date_trunc('day', :'start'::timestamptz, 'UTC') + interval '1 day -1 second'),
                  $$ VALUES (0, 30::bigint, 'r28 r27') $$, 'a whole day');
SELECT results_eq(:'page' || format($$ '\x01', 1, 2, %L, %L) $$, date_trunc('day', :'start'::timestamptz, 'UTC')
          + interval '1 day', date_trunc('day', :'start'::timestamptz, 'UTC') + interval '2 days -1 second'),
                  $$ VALUES (0, 0::bigint, '') $$, 'the next day, on which there is nothing');

-- Parts of days with whole days between them: an event every 7 hours of four days, the type in turn.
SAVEPOINT days;
SELECT pg_temp.make_event(:account, :domain, 1000 + i, 1 + i % 2, :'start'::timestamptz + interval '1 day' + i * interval '7 hours')
  FROM generate_series(0, 13) AS i \o /dev/null \g
\o
-- What the function answers to a range, and what there is.
CREATE FUNCTION pg_temp.told(p_since timestamptz, p_until timestamptz, p_type smallint, p_start bigint) RETURNS text LANGUAGE sql STABLE
AS $$ SELECT p.total || ': ' || p.emails FROM pg_temp.page(current_setting('test.account')::bigint, '\x01', p_start, 4, p_since, p_until, p_type) AS p $$;
CREATE FUNCTION pg_temp.counted(p_since timestamptz, p_until timestamptz, p_type smallint, p_start bigint) RETURNS text LANGUAGE sql STABLE
AS $$
    WITH hit AS (
        SELECT e.event_id, e.email FROM emailgw.event AS e
         WHERE e.account_id = current_setting('test.account')::bigint AND e.domain_id = current_setting('test.domain')::bigint
           AND e.at >= p_since AND e.at < p_until + interval '1 second' AND (p_type IS NULL OR e.type = p_type)
    )
    SELECT (SELECT count(*) FROM hit) || ': ' || coalesce((SELECT string_agg(split_part(h.email, '@', 1), ' ' ORDER BY h.event_id DESC)
             FROM (SELECT * FROM hit ORDER BY event_id DESC OFFSET p_start LIMIT 4) AS h), '')
$$;
SELECT set_config('test.account', :'account', true), set_config('test.domain', :'domain', true) \gset
SELECT is_empty(format($$
    SELECT r.*, a.*
      FROM (SELECT %1$L::timestamptz + s * interval '5 hours' AS since, %1$L::timestamptz + u * interval '7 hours' AS until,
                   t.type::smallint, p.start::bigint
              FROM generate_series(-3, 20, 2) AS s, generate_series(-2, 15) AS u, unnest('{NULL,1,2}'::integer[]) AS t (type),
                   unnest('{0,3}'::integer[]) AS p (start)) AS r
     CROSS JOIN LATERAL (SELECT pg_temp.told(r.since, r.until, r.type, r.start), pg_temp.counted(r.since, r.until, r.type, r.start)
                         OFFSET 0) AS a
     WHERE a.told <> a.counted $$, :'start'::timestamptz + interval '1 day'),
     'parts of days with whole days between them: 1296 ranges and pages');
UPDATE emailgw.daily_count SET count = count + 1000
 WHERE account_id = :account AND domain_id = :domain AND day = (:'start'::timestamptz AT TIME ZONE 'UTC')::date + 2 AND type = 1 AND tag = '';
SELECT cmp_ok((SELECT p.total FROM pg_temp.page(:account, '\x01', 0, 1, :'start'::timestamptz, :'start'::timestamptz + interval '3 days') AS p),
          '>', 1000::bigint, 'whole days are counted by the counters');
SELECT cmp_ok((SELECT p.total FROM pg_temp.page(:account, '\x01', 0, 1, :'start'::timestamptz, :'start'::timestamptz + interval '2 days') AS p),
          '<', 1000::bigint, '... and parts of them by the events');
ROLLBACK TO days;

-- The other filters, and all together.
SELECT results_eq(:'page' || $$ '\x01', 0, 2, p_type => 2::smallint) $$,
          $$ VALUES (0, 10::bigint, 'r29 r28') $$, 'by type');
SELECT results_eq(:'page' || $$ '\x01', p_type => 9::smallint) $$, $$ VALUES (0, 0::bigint, '') $$,
          'by a type that has not happened');
SELECT results_eq(:'page' || $$ '\x01', 0, 2, p_message_id => pg_temp.message(1)) $$,
          $$ VALUES (0, 10::bigint, 'r19 r18') $$, 'by message');
SELECT results_eq(:'page' || $$ '\x01', p_message_id => '00000000-0000-4000-8000-000000000000') $$,
          $$ VALUES (0, 0::bigint, '') $$, 'by an unknown message');
SELECT results_eq(:'page' || format($$ '\x01', p_since => %L, p_type => 1::smallint,
          p_message_id => pg_temp.message(1)) $$, :'start'::timestamptz + interval '18 s'),
                  $$ VALUES (0, 2::bigint, 'r19 r18') $$, 'all filters at once');

-- Whose events.
SELECT results_eq(:'page' || $$ '\x02') $$, $$ VALUES (0, 1::bigint, 'r100') $$,
          'another domain of the account: its own only');
SELECT results_eq(:'page' || $$ '\x02', p_message_id => pg_temp.message(1)) $$,
          $$ VALUES (0, 0::bigint, '') $$, '... also when asked for a message of the first');
SELECT results_eq(:'page' || $$ '\x99') $$, $$ VALUES (13, 0::bigint, '') $$, 'an unknown key: 13, no total');
SELECT results_eq(:'page' || $$ '\x03') $$, $$ VALUES (113, 0::bigint, '') $$,
          'a key that may not: 113, no total');
SELECT is((SELECT status FROM pg_temp.page(:other, '\x01')), 13, 'another account''s key: 13');
SAVEPOINT states;
UPDATE emailgw.account SET status = 'disabled' WHERE account_id = :account;
SELECT results_eq(:'page' || $$ '\x01') $$, $$ VALUES (12, 0::bigint, '') $$,
          'a disabled account: 12, no total');
ROLLBACK TO states;

-- A row's contents.
SELECT results_eq(format($$ SELECT type, at_us, message_id, email, detail, to_jsonb(tags), list_id,
          subscriber_id, journey_id, action_id
                              FROM emailgw_api.get_sender_events(%s, '\x01', 0, 1, NULL, NULL, NULL,
                                  NULL) $$, :account),
                  format($$ VALUES (2, %s::bigint, pg_temp.message(2), 'r29@example.net',
                      '{"attempt": 29}'::jsonb, '["x", "y"]'::jsonb, 1::bigint, 2::bigint, 3::bigint,
                      2::bigint) $$,
                         (extract(epoch FROM :'start'::timestamptz + interval '29 s') * 1000000)::bigint),
                             'with what its message knows');
DELETE FROM emailgw.message WHERE account_id = :account;
SELECT results_eq(:'page' || $$ '\x01', 0, 1) $$, $$ VALUES (0, 30::bigint, 'r29') $$,
          'an event outlives its message');

-- As accept and record_attempts write them.
SELECT message_id AS id FROM pg_temp.send(:account) \gset
SELECT is((SELECT p.total FROM pg_temp.page(:account, '\x01', p_since => date_trunc('second', now()),
          p_message_id => :'id') AS p),
          1::bigint, 'a mail just accepted, since this second');
SELECT is((SELECT p.total FROM pg_temp.page(:account, '\x01', p_until => date_trunc('second', now()),
          p_message_id => :'id') AS p),
          1::bigint, '... and until this second');

SELECT * FROM finish();
ROLLBACK;
