-- period_counts: domain_counts of all the days of a period together, both ends
-- included. Whole months are read as such.
CREATE FUNCTION emailgw_api.period_counts(p_account_id bigint, p_domain_id bigint, p_from date, p_until date)
RETURNS TABLE (type integer, count bigint)
LANGUAGE sql STABLE
AS $$
    SELECT a.type, sum(a.count)::bigint
      FROM (SELECT c.type::integer, c.count
              FROM emailgw_api.spans_of_days(p_from, p_until) AS s
              JOIN emailgw.closed_count AS c ON c.span = s.span AND c.starts >= s.low AND c.starts < s.high
             WHERE c.account_id = p_account_id AND c.domain_id = p_domain_id AND c.tag = ''
            UNION ALL
            SELECT c.type::integer, c.count
              FROM emailgw.daily_count AS c
             WHERE c.account_id = p_account_id AND c.domain_id = p_domain_id AND c.tag = ''
               AND c.day >= p_from AND c.day <= p_until
            UNION ALL
            SELECT 1, count(*)
              FROM emailgw.queue AS q
             WHERE q.account_id = p_account_id AND q.domain_id = p_domain_id AND NOT q.counted
               AND (q.queued_at AT TIME ZONE 'UTC')::date BETWEEN p_from AND p_until) AS a (type, count)
     WHERE a.count > 0
     GROUP BY a.type
$$;
