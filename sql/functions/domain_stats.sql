-- domain_stats: DomainStats: the counters of a domain in a period, in the period of
-- the same length just before it, and of each tag in the former: of the 1000 tags
-- with the most sends.
--   p_from, p_until  see stats_period
-- status is 2 where there is no such domain, alone, else 0. Then a row for each:
-- part is stats, comparison or tag, and counts has them by type, {"1": 5, "2": 4},
-- as in period_counts.
CREATE FUNCTION emailgw_api.domain_stats(p_account_id bigint, p_domain_id bigint, p_from date, p_until date)
RETURNS TABLE (status integer, part text, tag text, counts jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp SET plan_cache_mode = force_custom_plan
    SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
AS $$
#variable_conflict use_column
DECLARE
    v_period record;
BEGIN
    IF NOT EXISTS (SELECT FROM domain AS d
                    WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL) THEN
        status := 2;
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT * INTO v_period FROM emailgw_api.stats_period(p_from, p_until);
    RETURN QUERY
    SELECT 0, p.part, NULL, coalesce(jsonb_object_agg(c.type, c.count) FILTER (WHERE c.type IS NOT NULL), '{}')
      FROM (VALUES ('stats', v_period.first, v_period.last),
                   ('comparison', v_period.before, v_period.first - 1)) AS p (part, first, last)
      LEFT JOIN LATERAL emailgw_api.period_counts(p_account_id, p_domain_id, p.first, p.last) AS c ON true
     GROUP BY p.part;
    RETURN QUERY
    SELECT 0, 'tag', c.tag, jsonb_object_agg(c.type, c.count)
      FROM emailgw_api.tag_counts(p_account_id, p_domain_id, v_period.first, v_period.last) AS c
     GROUP BY c.tag
     ORDER BY coalesce(sum(c.count) FILTER (WHERE c.type = 1), 0) DESC, c.tag COLLATE "C"
     LIMIT 1000;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.domain_stats TO emailgw_module;
