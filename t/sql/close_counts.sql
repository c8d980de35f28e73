-- close_counts: what was counted stays what it was, wherever it is kept; periods by
-- whole months and single days.
\set exclusive
\ir lib/setup.psql
\ir lib/events.psql
SELECT plan(21);

DELETE FROM emailgw.daily_count; -- all of this undone in the end
SELECT pg_temp.new_domain(:account, 'second.example') AS second \gset
-- 500 days in four slots, with and without a tag.
INSERT INTO emailgw.daily_count
SELECT :account, d, pg_temp.day(-n), t.type, t.tag, s, n % 7 + s
  FROM unnest(ARRAY[:domain, :second]) AS d, generate_series(0, 500) AS n, generate_series(0, 3) AS s,
       (VALUES (1, ''), (2, ''), (107, ''), (1, 'even'), (2, 'odd')) AS t (type, tag);
CREATE TEMPORARY TABLE truth AS SELECT * FROM emailgw.daily_count;
CREATE INDEX ON truth (domain_id, day);

CREATE FUNCTION pg_temp.by_day() RETURNS TABLE (domain_id bigint, day date, type integer, count bigint)
LANGUAGE sql STABLE
AS $$
    SELECT d.domain_id, c.* FROM emailgw.domain AS d
     CROSS JOIN LATERAL emailgw_api.domain_counts(d.account_id, d.domain_id, NULL, NULL) AS c
$$;
CREATE FUNCTION pg_temp.agree(p_what text) RETURNS SETOF text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN NEXT set_eq('SELECT domain_id, day, type, count FROM pg_temp.by_day()',
                       'SELECT domain_id, day, type::integer, sum(count)::bigint FROM truth WHERE tag = '''' GROUP BY 1, 2, 3',
                       p_what || ': each day and type');
    RETURN NEXT set_eq('SELECT c.* FROM (SELECT DISTINCT account_id FROM truth) AS a CROSS JOIN LATERAL
                            emailgw_api.account_counts(a.account_id, ''1970-01-01'', ''9999-12-31'') AS c',
                       'SELECT day, type::integer, sum(count)::bigint FROM truth WHERE tag = '''' GROUP BY 1, 2',
                       p_what || ': of all domains together');
END
$$;
-- Each of many periods, counted one by one. How many differ?
CREATE FUNCTION pg_temp.wrong(p_account_id bigint, p_domain_id bigint) RETURNS bigint
LANGUAGE sql STABLE
AS $$
    SELECT count(*)
      FROM generate_series(-400, 0, 57) AS f
     CROSS JOIN unnest('{0, 5, 28, 29, 30, 31, 59, 60, 61, 90, 365}'::integer[]) AS days
     CROSS JOIN LATERAL (SELECT pg_temp.day(f) AS first, pg_temp.day(f + days) AS last) AS p
     WHERE (SELECT jsonb_object_agg(c.type, c.count) FROM emailgw_api.period_counts(p_account_id, p_domain_id, p.first, p.last) AS c)
           IS DISTINCT FROM
           (SELECT jsonb_object_agg(c.type, c.sum) FROM (SELECT t.type, sum(t.count) FROM truth AS t
             WHERE t.domain_id = p_domain_id AND t.tag = '' AND t.day BETWEEN p.first AND p.last GROUP BY 1) AS c)
        OR (SELECT jsonb_object_agg(c.type || c.tag, c.count) FROM emailgw_api.tag_counts(p_account_id, p_domain_id, p.first, p.last) AS c)
           IS DISTINCT FROM
           (SELECT jsonb_object_agg(c.type || c.tag, c.sum) FROM (SELECT t.type, t.tag, sum(t.count) FROM truth AS t
             WHERE t.domain_id = p_domain_id AND t.tag <> '' AND t.day BETWEEN p.first AND p.last GROUP BY 1, 2) AS c)
$$;

SELECT * FROM pg_temp.agree('open');
SELECT is(pg_temp.wrong(:account, :domain), 0::bigint, '... and any period');
SELECT is(emailgw_api.close_counts(1000), 1000::bigint, 'no more than it may');
SELECT is((SELECT min(day) - pg_temp.day(-500) FROM emailgw.daily_count), 25, '... the oldest first');
SELECT * FROM pg_temp.agree('a part is closed');
SELECT is(pg_temp.wrong(:account, :domain), 0::bigint, '... and any period');
SELECT is(emailgw_api.close_counts(1000000), 2 * 5 * 4 * 499 - 1000::bigint, 'all that is over');
SELECT is((SELECT min(day) FROM emailgw.daily_count), pg_temp.day(-1), '... but not today and yesterday');
SELECT is(emailgw_api.close_counts(1000000), 0::bigint, '... once');
SELECT * FROM pg_temp.agree('all is closed');
SELECT is(pg_temp.wrong(:account, d), 0::bigint, '... and any period') FROM unnest(ARRAY[:domain, :second]) AS d;

-- What comes late: a send that waited for its time is counted on the day when it was accepted.
INSERT INTO emailgw.daily_count SELECT :account, :domain, pg_temp.day(-40), 1, t, 2, 5 FROM unnest('{"",even}'::text[]) AS t;
INSERT INTO truth SELECT :account, :domain, pg_temp.day(-40), 1, t, 2, 5 FROM unnest('{"",even}'::text[]) AS t;
SELECT * FROM pg_temp.agree('late, and open');
SELECT is(emailgw_api.close_counts(1000000), 2::bigint, 'closed again');
SELECT * FROM pg_temp.agree('late, and closed');
SELECT is(pg_temp.wrong(:account, :domain), 0::bigint, '... and any period');

SELECT * FROM finish();
ROLLBACK;
