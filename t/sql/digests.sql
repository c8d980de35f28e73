-- make_digests and what is read from them: every answer is the same with a digest and
-- without, and a digest that events have come to since is not believed.
\set exclusive
\ir lib/setup.psql
\ir lib/events.psql
SELECT plan(66);

DELETE FROM emailgw.digest; -- all of this undone in the end
DELETE FROM emailgw.digest_day;
-- The days before yesterday are there in tests only as far as partitions are: two days.
SELECT pg_temp.new_domain(:account, 'second.example') AS second \gset
CREATE FUNCTION pg_temp.fill(p_account_id bigint, p_domain_id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_mail uuid;
BEGIN
    FOR n IN 0..59 LOOP
        v_mail := pg_temp.new_mail(p_account_id, p_domain_id, (ARRAY['Your receipt', 'GRÜSSE 100%', E'two\nlines', 'x_y'])[1 + n % 4],
                                   CASE WHEN n % 3 = 0 THEN '{blue,red}' ELSE '{}' END::text[]);
        UPDATE emailgw.message SET accepted_at = pg_temp.moment(n / 20 - 2, n % 20), message_id = emailgw.uuid7(pg_temp.moment(n / 20 - 2, n % 20))
         WHERE account_id = p_account_id AND message_id = v_mail RETURNING message_id INTO v_mail;
        PERFORM pg_temp.add_event(p_account_id, p_domain_id, 1, pg_temp.moment(n / 20 - 2, n % 20), v_mail, 'User' || n || '@' || (ARRAY['a.example', 'b.example'])[1 + n % 2]);
        PERFORM pg_temp.add_event(p_account_id, p_domain_id, CASE WHEN n % 5 = 0 THEN 4 ELSE 2 END, pg_temp.moment(n / 20 - 2, n % 20 + n), v_mail,
                                  'User' || n || '@' || (ARRAY['a.example', 'b.example'])[1 + n % 2],
                                  jsonb_build_object('smtp', jsonb_build_object('host', 'mx' || n % 3, 'code', 250 + n % 2)));
    END LOOP;
END
$$;
SELECT pg_temp.fill(:account, d) FROM unnest(ARRAY[:domain, :second]) AS d \g /dev/null

-- What every question is answered, as one text each.
CREATE FUNCTION pg_temp.answers(p_account_id bigint, p_domain_id bigint) RETURNS TABLE (question text, answer text)
LANGUAGE sql STABLE
AS $$
    SELECT format('search %s %s from %s type %s', f, t, d, k),
           (SELECT string_agg(e.event_id::text, ' ' ORDER BY e.event_id) || min(e.total)
              FROM emailgw_api.get_events(p_account_id, p_domain_id, 0, 100, pg_temp.day(d), NULL, k::smallint, NULL, f::smallint[], t::text[]) AS e)
      FROM (VALUES ('{1}', '{receipt}'), ('{1}', '{grüsse}'), ('{1}', '{%}'), ('{1}', '{_}'), ('{1}', '{lines}'), ('{1}', '{"two lines"}'),
                   ('{3}', '{user1}'), ('{3}', '{USER59@b.example}'), ('{3}', '{nobody}'), ('{1,3}', '{receipt,user4}'), ('{3,3}', '{user,a.example}'),
                   ('{1,1}', '{your,receipt}'), ('{1,3,3}', '{r,e,e}'), ('{0}', '{receipt}'), ('{0}', '{shop}'), ('{0}', '{SHOP@}'), ('{0}', '{user4}'),
                   ('{0,0}', '{user,shop}'), ('{0,1}', '{a.example,receipt}'), ('{0}', '{blue}'), ('{0,0}', '{blue,red}'), ('{0}', '{"blue red"}'), ('{0}', '{7}'),
                   ('{0}', '{a}'), ('{0}', '{01a}'), ('{0}', '{zzz}'), ('{1,4}', '{receipt,a.example}')) AS q (f, t),
           (VALUES (NULL::integer), (-1), (0)) AS p (d), (VALUES (NULL::integer), (2), (4)) AS y (k)
    UNION ALL
    SELECT 'AggrEvents ' || f, (SELECT string_agg(a.key || '=' || a.doc_count, ' ')
                                  FROM emailgw_api.aggr_events(p_account_id, p_domain_id, f, pg_temp.day(-1), NULL, 1000, '{a,b,c,d}') AS a)
      FROM unnest('{hour,recipientDomain,mxHost,smtpCode,bounceReason,day,eventType}'::text[]) AS f
    UNION ALL
    SELECT 'recipients ' || coalesce(r, 'all'), (SELECT string_agg(to_jsonb(s)::text, ' ')
                                                   FROM emailgw_api.recipient_stats(p_account_id, p_domain_id, NULL, NULL, r, 0, 100) AS s)
      FROM (VALUES (NULL), ('a.example'), ('b.example'), ('c.example')) AS r (r)
$$;
CREATE TEMPORARY TABLE answer AS SELECT * FROM pg_temp.answers(:account, :domain) AS a;
CREATE FUNCTION pg_temp.same(p_account_id bigint, p_domain_id bigint, p_what text) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT is((SELECT string_agg(a.question || ': ' || coalesce(a.answer, 'none') || coalesce(' not ' || b.answer, ''), E'\n')
                 FROM pg_temp.answers(p_account_id, p_domain_id) AS a
                 JOIN answer AS b ON b.question = a.question AND b.answer IS DISTINCT FROM a.answer), NULL, p_what)
$$;
SELECT cmp_ok((SELECT count(DISTINCT a.answer) FROM answer AS a), '>', 60::bigint, 'many questions');

-- Anew, in parts.
CREATE FUNCTION pg_temp.remake(p_account_id bigint, p_domain_id bigint, p_day date, p_limit integer DEFAULT 20000) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_parts integer := 1;
BEGIN
    DELETE FROM emailgw.digest AS d WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.day = p_day;
    WHILE NOT emailgw_api.make_digest_part(p_account_id, p_domain_id, p_day, p_limit) LOOP
        v_parts := v_parts + 1;
    END LOOP;
    RETURN v_parts;
END
$$;

-- Making them.
SELECT is(emailgw_api.make_digests(30, 0), 0, 'no time, no digest');
SELECT is(emailgw_api.make_digests(30, 60), 4, 'two days of two domains: today is not over');
SELECT is((SELECT array_agg(DISTINCT d.day ORDER BY d.day) FROM emailgw.digest AS d), ARRAY[pg_temp.day(-2), pg_temp.day(-1)], '... these');
SELECT is((SELECT sum(d.events) FROM emailgw.digest AS d WHERE d.domain_id = :domain), (SELECT count(*)::numeric FROM emailgw.event AS e
          WHERE e.domain_id = :domain AND e.event_id < emailgw.uuid7_floor(pg_temp.moment(0))), '... of all their events');
SELECT is(emailgw_api.make_digests(30, 60), 0, 'once');
SELECT is((SELECT count(*) FROM emailgw.digest_day AS d), 30::bigint, 'days without events are done, too');
SELECT is(ARRAY(SELECT emailgw_api.digested_days(:account, :domain, NULL, NULL)), ARRAY[pg_temp.day(-2), pg_temp.day(-1)], 'they hold');
SELECT is(ARRAY(SELECT emailgw_api.digested_days(:account, :domain, pg_temp.day(f), pg_temp.day(u))), d, 'of a period')
  FROM (VALUES (-1, NULL::integer, ARRAY[pg_temp.day(-1)]), (NULL, -2, ARRAY[pg_temp.day(-2)]), (0, 5, '{}'::date[])) AS p (f, u, d);
SELECT pg_temp.same(:account, :domain, 'every answer is the same');

-- They are what is read.
SAVEPOINT made;
-- (As long as before: where lines end is known.)
UPDATE emailgw.digest_texts SET subjects = replace(subjects, 'receipt', 'invoice'), emails = replace(emails, 'user1@', 'userx@'),
                                others = replace(others, 'shop', 'mart');
UPDATE emailgw.digest_value SET count = count + 1000;
UPDATE emailgw.digest_recipient SET sent = sent + 1000;
SELECT is((SELECT total FROM emailgw_api.get_events(:account, :domain, 0, 1, NULL, NULL, NULL, NULL, f::smallint[], t::text[])), n, 'a search reads them: ' || t)
  FROM (VALUES ('{1}', '{invoice}', 20::bigint), ('{1}', '{receipt}', 10), ('{3}', '{userx@}', 2), ('{0}', '{invoice}', 20), ('{0}', '{mart}', 80), ('{0}', '{shop}', 40)) AS q (f, t, n);
SELECT cmp_ok((SELECT doc_count FROM emailgw_api.aggr_events(:account, :domain, f, NULL, NULL, 1, '{}')), '>', 1000::bigint, 'AggrEvents does: ' || f)
  FROM unnest('{hour,recipientDomain,mxHost,smtpCode}'::text[]) AS f;
SELECT cmp_ok((SELECT sent FROM emailgw_api.recipient_stats(:account, :domain, NULL, NULL, 'a.example', 0, 1)), '>', 2000::bigint, 'and so do the domains of recipients');
-- ... as long as they hold.
SELECT pg_temp.add_event(:account, :domain, 2, pg_temp.moment(d, 50), pg_temp.new_mail(:account, :domain, 'late'), 'late@c.example')
  FROM unnest('{-2,-1}'::integer[]) AS d \g /dev/null
SELECT is(ARRAY(SELECT emailgw_api.digested_days(:account, :domain, NULL, NULL)), '{}', 'an event that comes late: the digest of its day does not hold');
SELECT is((SELECT total FROM emailgw_api.get_events(:account, :domain, 0, 1, NULL, NULL, NULL, NULL, f::smallint[], t::text[])), n, '... a search does not read it: ' || t)
  FROM (VALUES ('{1}', '{invoice}', 0::bigint), ('{1}', '{receipt}', 30), ('{1}', '{late}', 2), ('{3}', '{late@}', 2)) AS q (f, t, n);
SELECT cmp_ok((SELECT doc_count FROM emailgw_api.aggr_events(:account, :domain, f, NULL, NULL, 1, '{}')), '<', 1000::bigint, '... nor AggrEvents: ' || f)
  FROM unnest('{hour,recipientDomain,mxHost,smtpCode}'::text[]) AS f;
SELECT is((SELECT sent FROM emailgw_api.recipient_stats(:account, :domain, NULL, NULL, 'a.example', 0, 1)), 30::bigint, '... nor the domains of recipients');
SELECT is(ARRAY(SELECT emailgw_api.digested_days(:account, :second, NULL, NULL)), ARRAY[pg_temp.day(-2), pg_temp.day(-1)], 'another domain''s holds');
ROLLBACK TO made;

-- Between two that hold.
DELETE FROM emailgw.digest AS d WHERE d.domain_id = :domain AND d.day = pg_temp.day(-2);
SELECT is((SELECT count(*) FROM emailgw.digest_texts AS t WHERE t.domain_id = :domain), 1::bigint, 'what belongs to a digest goes with it');
SELECT pg_temp.same(:account, :domain, 'one day with a digest, one without: every answer is the same');
SELECT pg_temp.remake(:account, :domain, d) FROM unnest(ARRAY[pg_temp.day(-2), pg_temp.day(0)]) AS d \g /dev/null
DELETE FROM emailgw.digest AS d WHERE d.domain_id = :domain AND d.day = pg_temp.day(-1);
SELECT pg_temp.same(:account, :domain, '... the one in the middle');
SELECT pg_temp.remake(:account, :domain, pg_temp.day(-1)) FROM generate_series(1, 2) \g /dev/null
SELECT pg_temp.same(:account, :domain, 'all of them, one made twice');

-- In parts.
CREATE TEMPORARY TABLE whole AS SELECT to_jsonb(v) AS row FROM emailgw.digest_value AS v WHERE v.domain_id = :domain
    UNION ALL SELECT to_jsonb(r) FROM emailgw.digest_recipient AS r WHERE r.domain_id = :domain
    UNION ALL SELECT to_jsonb(d) FROM emailgw.digest AS d WHERE d.domain_id = :domain;
SELECT is(pg_temp.remake(:account, :domain, pg_temp.day(-1), l), n, format('parts of %s', l)) FROM (VALUES (7, 6), (40, 1), (39, 2), (1, 40)) AS p (l, n);
SELECT pg_temp.remake(:account, :domain, pg_temp.day(d), 7) FROM unnest('{-2,-1,0}'::integer[]) AS d \g /dev/null
SELECT is((SELECT count(*) FROM (TABLE whole EXCEPT (SELECT to_jsonb(v) FROM emailgw.digest_value AS v WHERE v.domain_id = :domain
           UNION ALL SELECT to_jsonb(r) FROM emailgw.digest_recipient AS r WHERE r.domain_id = :domain
           UNION ALL SELECT to_jsonb(d) FROM emailgw.digest AS d WHERE d.domain_id = :domain)) AS l), 0::bigint, '... make the same as one');
SELECT pg_temp.same(:account, :domain, '... and every answer');
SELECT is(emailgw_api.make_digest_part(:account, :domain, pg_temp.day(-1), 7), true, 'nothing is added to what is whole');
SAVEPOINT part;
DELETE FROM emailgw.digest AS d WHERE d.domain_id = :domain AND d.day = pg_temp.day(-1);
SELECT is(emailgw_api.make_digest_part(:account, :domain, pg_temp.day(-1), 30), false, 'a part');
SELECT is(pg_temp.day(-1) = ANY (ARRAY(SELECT emailgw_api.digested_days(:account, :domain, NULL, NULL))), false, '... does not hold');
UPDATE emailgw.digest SET events = 40 WHERE domain_id = :domain AND day = pg_temp.day(-1);
SELECT pg_temp.same(:account, :domain, '... and is not read, whatever its count');
UPDATE emailgw.digest SET events = 30 WHERE domain_id = :domain AND day = pg_temp.day(-1);
-- An event that comes to where it has been.
SELECT pg_temp.add_event(:account, :domain, 2, pg_temp.moment(-1, 0), pg_temp.new_mail(:account, :domain, 'late'), 'late@c.example') \g /dev/null
DELETE FROM emailgw.digest_day WHERE day = pg_temp.day(-1);
SELECT is(emailgw_api.make_digests(30, 60), 1, 'it is gone on with');
SELECT is((SELECT d.made_until IS NULL AND d.events = 40 FROM emailgw.digest AS d WHERE d.domain_id = :domain AND d.day = pg_temp.day(-1)), true, '... to the end');
SELECT is(pg_temp.day(-1) = ANY (ARRAY(SELECT emailgw_api.digested_days(:account, :domain, NULL, NULL))), false, '... without an event that came meanwhile: it does not hold');
ROLLBACK TO part;

-- Retention.
SELECT is(emailgw_api.make_digests(1, 60), 0, 'a day is kept');
SELECT is((SELECT count(*) FROM emailgw.digest AS d WHERE d.day < pg_temp.day(-1)), 0::bigint, '... and what is older goes');

-- Lines.
SELECT is(ARRAY(SELECT DISTINCT emailgw_api.text_lines(t, e, 'ab', r) ORDER BY 1), l::integer[],
          'lines of ' || replace(t, E'\n', '/') || ' for a term that is ' || CASE WHEN r THEN 'rare' ELSE 'frequent' END)
  FROM (VALUES (E'\nab\n', '{4}'::integer[], '{1}'), (E'\nx\n\nab\n', '{3,4,7}', '{3}'), (E'\nabab ab\nab\n', '{9,12}', '{1,2}'),
               (E'\nx\n', '{3}', '{}'), (E'\naab\nb\n', '{5,7}', '{1}'), (E'\nüü\nüab\n', '{6,11}', '{2}')) AS c (t, e, l),
       (VALUES (true), (false)) AS w (r);
SELECT is(t.subject_ends, ARRAY(SELECT 1 + sum(octet_length(l.line) + 1) OVER (ORDER BY l.n)
                                  FROM string_to_table(trim(E'\n' FROM t.subjects), E'\n') WITH ORDINALITY AS l (line, n))::integer[],
          'where lines end')
  FROM emailgw.digest_texts AS t WHERE t.domain_id = :domain LIMIT 1;
SELECT * FROM finish();
ROLLBACK;
