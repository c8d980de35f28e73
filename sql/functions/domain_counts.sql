-- domain_counts: how many events of each type a domain has had on each day, both
-- ends included: exactly as many as there are, or were before their retention
-- ended. Types over 100 are the first ones of a recipient (count_events).
-- Sends that the sender has not counted yet are still in the queue, and counted
-- there.
CREATE FUNCTION emailgw_api.domain_counts(p_account_id bigint, p_domain_id bigint, p_from date, p_until date)
RETURNS TABLE (day date, type integer, count bigint)
LANGUAGE sql STABLE
AS $$
    SELECT a.day, a.type, sum(a.count)::bigint
      FROM (SELECT c.starts, c.type::integer, c.count
              FROM emailgw.closed_count AS c
             WHERE c.account_id = p_account_id AND c.domain_id = p_domain_id AND c.span = 'd' AND c.tag = ''
               AND c.starts >= coalesce(p_from, '-infinity') AND c.starts <= coalesce(p_until, 'infinity')
            UNION ALL
            SELECT c.day, c.type::integer, c.count
              FROM emailgw.daily_count AS c
             WHERE c.account_id = p_account_id AND c.domain_id = p_domain_id AND c.tag = ''
               AND c.day >= coalesce(p_from, '-infinity') AND c.day <= coalesce(p_until, 'infinity')
            UNION ALL
            SELECT (q.queued_at AT TIME ZONE 'UTC')::date, 1, count(*)
              FROM emailgw.queue AS q
             WHERE q.account_id = p_account_id AND q.domain_id = p_domain_id AND NOT q.counted
             GROUP BY 1) AS a (day, type, count)
     WHERE a.day >= coalesce(p_from, '-infinity') AND a.day <= coalesce(p_until, 'infinity')
     GROUP BY a.day, a.type
$$;
