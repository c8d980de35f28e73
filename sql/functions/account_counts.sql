-- account_counts: domain_counts of all the domains of an account together, also of
-- those that are deleted.
CREATE FUNCTION emailgw_api.account_counts(p_account_id bigint, p_from date, p_until date)
RETURNS TABLE (day date, type integer, count bigint)
LANGUAGE sql STABLE
AS $$
    SELECT a.day, a.type, sum(a.count)::bigint
      FROM (SELECT c.starts, c.type::integer, c.count
              FROM emailgw.closed_count AS c
             WHERE c.account_id = p_account_id AND c.domain_id = 0 AND c.span = 'd' AND c.tag = ''
            UNION ALL
            SELECT c.day, c.type::integer, c.count
              FROM emailgw.daily_count AS c
             WHERE c.account_id = p_account_id AND c.tag = ''
            UNION ALL
            SELECT (q.queued_at AT TIME ZONE 'UTC')::date, 1, count(*)
              FROM emailgw.queue AS q
             WHERE q.account_id = p_account_id AND NOT q.counted
             GROUP BY 1) AS a (day, type, count)
     WHERE a.day BETWEEN p_from AND p_until
     GROUP BY a.day, a.type
$$;
