-- daily_series: DailySeries: the counters of each day of a period, of a domain or
-- (p_domain_id NULL) of all of the account's together.
--   p_from, p_until  see stats_period
--   p_most           how many days there may be
-- One row at least: status (0; 2: no such domain; 109: more days than p_most). Days
-- without events have a row, too, with counts {}.
CREATE FUNCTION emailgw_api.daily_series(p_account_id bigint, p_domain_id bigint, p_from date, p_until date, p_most integer)
RETURNS TABLE (status integer, day date, counts jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp SET plan_cache_mode = force_custom_plan
    SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
AS $$
#variable_conflict use_column
DECLARE
    v_period record;
BEGIN
    SELECT * INTO v_period FROM emailgw_api.stats_period(p_from, p_until);
    status := CASE WHEN p_domain_id IS NOT NULL
                        AND NOT EXISTS (SELECT FROM domain AS d WHERE d.account_id = p_account_id
                                           AND d.domain_id = p_domain_id AND d.deleted_at IS NULL) THEN 2
                   WHEN v_period.last - v_period.first >= p_most THEN 109
                   ELSE 0 END;
    IF status <> 0 THEN
        RETURN NEXT;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT 0, p.day, coalesce(jsonb_object_agg(c.type, c.count) FILTER (WHERE c.type IS NOT NULL), '{}')
      FROM (SELECT v_period.first + n AS day FROM generate_series(0, v_period.last - v_period.first) AS n) AS p
      LEFT JOIN (SELECT * FROM emailgw_api.domain_counts(p_account_id, p_domain_id, v_period.first, v_period.last)
                  WHERE p_domain_id IS NOT NULL
                 UNION ALL
                 SELECT * FROM emailgw_api.account_counts(p_account_id, v_period.first, v_period.last)
                  WHERE p_domain_id IS NULL) AS c ON c.day = p.day
     GROUP BY p.day
     ORDER BY p.day;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.daily_series TO emailgw_module;
