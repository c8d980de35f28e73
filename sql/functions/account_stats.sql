-- account_stats: AccountStats: the counters of all of an account's domains together in
-- a period and in the period of the same length just before it, and those of each
-- domain in the former: of the 1000 with the most sends. What deleted domains have sent
-- is in the sums alone.
--   p_from, p_until  see stats_period
-- A row for each: part is stats, comparison or domain, and counts has them by type, as
-- in period_counts.
CREATE FUNCTION emailgw_api.account_stats(p_account_id bigint, p_from date, p_until date)
RETURNS TABLE (part text, domain_id bigint, name text, counts jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp SET plan_cache_mode = force_custom_plan
    SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
AS $$
#variable_conflict use_column
DECLARE
    v_period record;
BEGIN
    SELECT * INTO v_period FROM emailgw_api.stats_period(p_from, p_until);
    RETURN QUERY
    SELECT p.part, NULL::bigint, NULL, coalesce(jsonb_object_agg(c.type, c.count) FILTER (WHERE c.type IS NOT NULL), '{}')
      FROM (VALUES ('stats'), ('comparison')) AS p (part)
      LEFT JOIN (SELECT a.day >= v_period.first AS in_period, a.type, sum(a.count)::bigint AS count
                   FROM emailgw_api.account_counts(p_account_id, v_period.before, v_period.last) AS a
                  GROUP BY 1, 2) AS c ON c.in_period = (p.part = 'stats')
     GROUP BY p.part;
    RETURN QUERY
    SELECT 'domain', d.domain_id, d.name, coalesce(c.counts, '{}')
      FROM domain AS d
     CROSS JOIN LATERAL (SELECT jsonb_object_agg(t.type, t.count) AS counts, sum(t.count) FILTER (WHERE t.type = 1) AS sends
                           FROM emailgw_api.period_counts(p_account_id, d.domain_id, v_period.first, v_period.last) AS t) AS c
     WHERE d.account_id = p_account_id AND d.deleted_at IS NULL
     ORDER BY coalesce(c.sends, 0) DESC, d.name COLLATE "C"
     LIMIT 1000;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.account_stats TO emailgw_module;
