-- domain_stats: periods, the ones before, tags, and whose counters.
\ir lib/setup.psql
\ir lib/events.psql
SELECT plan(24);

SELECT pg_temp.new_domain(:account, 'deleted.example') AS deleted \gset
UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = :account AND domain_id = :deleted;
SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_domain(:other, 'example.net') AS other_domain \gset
-- A send a day for 100 days back and 3 ahead, tagged every second day; counters only, as they outlive the events.
INSERT INTO emailgw.daily_count
SELECT :account, :domain, pg_temp.day(n), 1, t.tag, 0, 1
  FROM generate_series(-100, 3) AS n, unnest(CASE WHEN n % 2 = 0 THEN '{"",even}' ELSE '{""}' END::text[]) AS t (tag);
INSERT INTO emailgw.daily_count VALUES
    (:account, :domain, pg_temp.day(0), 2, '', 0, 5), (:account, :domain, pg_temp.day(0), 2, '', 3, 7),
    (:account, :domain, pg_temp.day(0), 107, '', 0, 2), (:account, :domain, pg_temp.day(0), 7, 'stats', 0, 9),
    (:account, :domain, pg_temp.day(-30), 2, '', 0, 100), (:other, :domain, pg_temp.day(0), 2, '', 0, 1000);

CREATE FUNCTION pg_temp.stats(p_account_id bigint, p_domain_id bigint, p_from date DEFAULT NULL, p_until date DEFAULT NULL,
                              p_part text DEFAULT 'stats') RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT string_agg(coalesce(s.tag || ': ', '') || coalesce(s.counts::text, 'status ' || s.status), '; ' ORDER BY s.no)
      FROM emailgw_api.domain_stats(p_account_id, p_domain_id, p_from, p_until)
           WITH ORDINALITY AS s (status, part, tag, counts, no) WHERE s.part IS NULL OR s.part = p_part
$$;
\set stats 'pg_temp.stats(' :account ', ' :domain

SELECT is(:stats), '{"1": 28, "2": 12, "107": 2}', '28 days until today; slots are summed');
SELECT is(:stats, p_part => 'comparison'), '{"1": 28, "2": 100}', '... and the 28 before');
SELECT is(:stats, p_part => 'tag'), 'even: {"1": 14}; stats: {"7": 9}', 'tags: most sends first');
SELECT is(:stats, pg_temp.day(0), pg_temp.day(0)), '{"1": 1, "2": 12, "107": 2}', 'one day');
SELECT is(:stats, pg_temp.day(0), pg_temp.day(0), 'comparison'), '{"1": 1}', '... and the one before');
SELECT is(:stats, pg_temp.day(-9), pg_temp.day(-5)), '{"1": 5}', 'five days, both ends included');
SELECT is(:stats, pg_temp.day(-9), pg_temp.day(-5), 'tag'), 'even: {"1": 2}', '... and their tags');
SELECT is(:stats, p_until => pg_temp.day(-3)), '{"1": 28, "2": 100}', '28 days until another one');
SELECT is(:stats, p_until => pg_temp.day(-3), p_part => 'comparison'), '{"1": 28}', '... and the 28 before');
SELECT is(:stats, pg_temp.day(-1)), '{"1": 2, "2": 12, "107": 2}', 'from a day on until today');
SELECT is(:stats, pg_temp.day(2)), '{"1": 1}', 'from a day on that is yet to come');
SELECT is(:stats, '1970-01-01', '9999-12-31'), '{"1": 104, "2": 112, "107": 2}', 'all of time');
SELECT is(:stats, '1970-01-01', '9999-12-31', 'comparison'), '{}', '... and before it');
SELECT is(:stats, '1970-01-02', '9999-12-31', 'comparison'), '{}', '... a day of it');
SELECT is(:stats, p_until => '1970-01-01'), '{}', 'its first day');
SELECT is(:stats, '9999-12-31', '9999-12-31'), '{}', 'its last day');
SELECT is(:stats, '9999-12-31'), '{}', '... and on');
SELECT is(pg_temp.stats(:account, d), 'status 2', 'no domain of the account') FROM unnest(ARRAY[:deleted, :other_domain, 0]) AS d;
SELECT is(pg_temp.stats(:other, :other_domain), '{}', 'nothing counted');

-- What waits in the queue is counted there.
SELECT message_id FROM pg_temp.send(:account, p_emails => '{a@example.net,b@example.net}', p_tags => '{even,new}') \gset
SELECT is(:stats), '{"1": 30, "2": 12, "107": 2}', 'two sends in the queue');
SELECT is(:stats, p_part => 'tag'), 'even: {"1": 16}; new: {"1": 2}; stats: {"7": 9}', '... with their tags');

INSERT INTO emailgw.daily_count SELECT :account, :domain, pg_temp.day(0), 1, 't' || n, 0, 1 FROM generate_series(1, 1200) AS n;
SELECT is((SELECT count(*) FROM emailgw_api.domain_stats(:account, :domain, NULL, NULL) AS s WHERE s.part = 'tag'), 1000::bigint,
          'a thousand tags at most');

SELECT * FROM finish();
ROLLBACK;
