-- The counters: count_events, first_event, domain_counts and tag_counts say what
-- the events are, whatever becomes of a mail.
\ir lib/setup.psql
\ir lib/events.psql
SELECT plan(25);

-- What the tables themselves say, counted one by one: types, and over 100 recipients' first ones.
CREATE FUNCTION pg_temp.truth(p_account_id bigint) RETURNS TABLE (domain_id bigint, day date, type integer, tag text, count bigint)
LANGUAGE sql STABLE
AS $$
    WITH ranked AS (
        SELECT e.*, row_number() OVER (PARTITION BY e.message_id, e.recipient_no, e.type ORDER BY e.at) = 1 AS first
          FROM emailgw.event AS e WHERE e.account_id = p_account_id
    )
    SELECT r.domain_id, (r.at AT TIME ZONE 'UTC')::date, k.type::integer, t.tag, count(*)
      FROM ranked AS r
      JOIN emailgw.message AS m ON m.account_id = r.account_id AND m.message_id = r.message_id
     CROSS JOIN LATERAL (SELECT r.type UNION ALL SELECT r.type + 100 WHERE r.first AND r.type IN (7, 8)) AS k (type)
     CROSS JOIN LATERAL unnest('{""}' || m.tags) AS t (tag)
     GROUP BY 1, 2, 3, 4
$$;
CREATE FUNCTION pg_temp.by_day(p_account_id bigint) RETURNS TABLE (domain_id bigint, day date, type integer, count bigint)
LANGUAGE sql STABLE
AS $$
    SELECT d.domain_id, c.* FROM emailgw.domain AS d
     CROSS JOIN LATERAL emailgw_api.domain_counts(d.account_id, d.domain_id, NULL, NULL) AS c WHERE d.account_id = p_account_id
$$;
CREATE FUNCTION pg_temp.by_tag(p_account_id bigint) RETURNS TABLE (domain_id bigint, tag text, type integer, count bigint)
LANGUAGE sql STABLE
AS $$
    SELECT d.domain_id, c.* FROM emailgw.domain AS d
     CROSS JOIN LATERAL emailgw_api.tag_counts(d.account_id, d.domain_id, NULL, NULL) AS c WHERE d.account_id = p_account_id
$$;
CREATE FUNCTION pg_temp.agree(p_account_id bigint, p_what text) RETURNS SETOF text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN NEXT set_eq(format('SELECT domain_id, day, type, count FROM pg_temp.by_day(%s)', p_account_id),
                       format('SELECT domain_id, day, type, count FROM pg_temp.truth(%s) WHERE tag = ''''', p_account_id),
                       p_what || ': each day and type');
    RETURN NEXT set_eq(format('SELECT domain_id, tag, type, count FROM pg_temp.by_tag(%s)', p_account_id),
                       format('SELECT domain_id, tag, type, sum(count)::bigint FROM pg_temp.truth(%s) WHERE tag <> '''' GROUP BY 1, 2, 3',
                              p_account_id), p_what || ': each tag and type');
END
$$;

-- Mails by the real ways: waiting, scheduled, tried, retried, bounced, given back.
SELECT pg_temp.new_domain(:account, 'example.org') AS second \gset
SELECT pg_temp.new_key(:account, :second, '\x02') \gset
SELECT count(*) FROM generate_series(1, 3) AS n,
       pg_temp.send(:account, p_emails => '{a@example.net,b@example.net}', p_tags => '{shop,größe}', p_body => n::text::bytea) \gset
SELECT count(*) FROM pg_temp.send(:account, '\x02', '{c@example.net}', 'example.org', p_tags => '{shop}') \gset
SELECT count(*) FROM pg_temp.send(:account, p_send_at => now() + interval '1 hour', p_tags => '{later}') \gset
SELECT count(*) FROM pg_temp.send(:account) \gset
SELECT is((SELECT sum(count) FROM pg_temp.by_day(:account)), 9::numeric, 'nine sends, none of them tried');
SELECT is((SELECT count(*) FROM emailgw.daily_count AS c WHERE c.account_id = :account), 0::bigint,
          '... and accept has written no counter');
SELECT pg_temp.agree(:account, 'queued');

-- Claims all, and records one result after the other.
CREATE FUNCTION pg_temp.try_all(p_account_id bigint, p_results text[]) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    SELECT FROM pg_temp.record_outcomes((SELECT jsonb_agg(jsonb_build_object(
               'account_id', c.account_id, 'message_id', c.message_id, 'recipient_no', c.recipient_no, 'attempt', c.attempt,
               'result', p_results[1 + c.n % cardinality(p_results)], 'retry', -1, 'detail', '{"bounce": {"class": "permanent"}}'::jsonb))
      FROM (SELECT l.*, row_number() OVER (ORDER BY l.message_id, l.recipient_no) AS n
              FROM emailgw_api.claim_messages(1000, 60, 0) AS l WHERE l.account_id = p_account_id) AS c))
$$;
SELECT pg_temp.try_all(:account, '{released,deferred,released,delivered}') \gset
SELECT pg_temp.agree(:account, 'some tried, some given back');
SELECT pg_temp.try_all(:account, '{deferred,bounced}') \gset
SELECT pg_temp.agree(:account, 'tried again');
SELECT pg_temp.try_all(:account, '{delivered}') \gset
SELECT pg_temp.agree(:account, 'all tried');
SELECT is((SELECT sum(count) FROM pg_temp.by_day(:account) WHERE type = 1), 9::numeric, '... each send counted once');
SELECT is((SELECT count(*) FROM emailgw.queue AS q WHERE q.account_id = :account AND NOT q.counted), 1::bigint,
          '... one by the queue: the scheduled one');

-- Opens and clicks, each recipient's first one told apart.
CREATE FUNCTION pg_temp.person(p_account_id bigint, p_type integer, p_at timestamptz, p_recipient_no smallint DEFAULT 1) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_mail record;
    v_first boolean;
BEGIN
    SELECT r.message_id, m.domain_id, m.tags INTO STRICT v_mail
      FROM emailgw.recipient AS r JOIN emailgw.message AS m USING (account_id, message_id)
     WHERE r.account_id = p_account_id AND r.recipient_no = 2 ORDER BY r.message_id LIMIT 1;
    v_first := emailgw_api.first_event(p_account_id, v_mail.message_id, p_recipient_no, p_type, p_at);
    INSERT INTO emailgw.event (account_id, domain_id, event_id, type, at, message_id, recipient_no, email)
    VALUES (p_account_id, v_mail.domain_id, emailgw.uuid7(p_at), p_type, p_at, v_mail.message_id, p_recipient_no, 'a@example.net');
    PERFORM emailgw_api.count_events(ARRAY[p_account_id], ARRAY[v_mail.domain_id], ARRAY[p_type], ARRAY[p_at],
                                     ARRAY[v_mail.message_id], ARRAY[v_first]);
    RETURN v_first;
END
$$;
SELECT is(pg_temp.person(:account, 7, pg_temp.moment(0, 1)), true, 'an open');
SELECT is(pg_temp.person(:account, 7, pg_temp.moment(0, 2)), false, '... again: not the first');
SELECT is(pg_temp.person(:account, 7, pg_temp.moment(1, 1), 2::smallint), true, '... by another recipient, on another day');
SELECT is(pg_temp.person(:account, 8, pg_temp.moment(1, 2)), true, 'a click');
SELECT is(pg_temp.person(:account, 8, pg_temp.moment(2, 2)), false, '... again, on another day');
SELECT is(emailgw_api.first_event(:account, emailgw.uuid7(now()), 1::smallint, 7, now()), false,
          'an open of a mail that is gone: no first one');
SELECT is(pg_temp.person(:account, 10, pg_temp.moment(1, 3)), false, 'of other types no first one is kept');
SELECT pg_temp.agree(:account, 'opened and clicked');
SELECT is((SELECT array_agg(c.count ORDER BY c.type) FROM (SELECT type, sum(count) AS count FROM pg_temp.by_day(:account)
            WHERE type IN (7, 8, 107, 108) GROUP BY type) AS c), '{3,2,2,1}'::numeric[], '3 opens, 2 clicks, of 2 and 1 recipients');

-- Several at once, a mail that is gone, days and domains.
SELECT pg_temp.new_domain(:account, 'example.com.example') AS third \gset
SELECT emailgw_api.count_events(ARRAY[:account, :account, :account], ARRAY[:third, :third, :third], '{9,9,10}',
          ARRAY[pg_temp.moment(0), pg_temp.moment(1, -0.001), pg_temp.moment(1)], ARRAY[emailgw.uuid7(now()), emailgw.uuid7(now()), emailgw.uuid7(now())]) \gset
SELECT set_eq(format('SELECT day, type, count FROM emailgw_api.domain_counts(%s, %s, NULL, NULL)', :account, :third),
              $$ VALUES (pg_temp.day(0), 9, 2::bigint), (pg_temp.day(1), 10, 1::bigint) $$, 'three events of mails that are gone');
SELECT set_eq(format('SELECT day, type FROM emailgw_api.domain_counts(%s, %s, pg_temp.day(1), pg_temp.day(1))', :account, :third),
              $$ VALUES (pg_temp.day(1), 10) $$, 'a day: both ends included');
SELECT is_empty(format('SELECT * FROM emailgw_api.domain_counts(%s, %s, pg_temp.day(2), NULL)', :account, :third), 'from a day on');

SELECT * FROM finish();
ROLLBACK;
