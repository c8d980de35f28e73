-- digested_days: the days, both ends included, of which a domain's digest holds: it is whole,
-- and the counters say that no event has come since.
CREATE FUNCTION emailgw_api.digested_days(p_account_id bigint, p_domain_id bigint, p_from date, p_until date)
RETURNS SETOF date
LANGUAGE sql STABLE
AS $$
    SELECT g.day
      FROM emailgw.digest AS g
      JOIN (SELECT c.day, sum(c.count) AS events
              FROM emailgw_api.domain_counts(p_account_id, p_domain_id, p_from, p_until) AS c
             WHERE c.type < 100
             GROUP BY c.day) AS c ON c.day = g.day AND c.events = g.events
     WHERE g.account_id = p_account_id AND g.domain_id = p_domain_id AND g.made_until IS NULL
       AND g.day >= coalesce(p_from, '-infinity') AND g.day <= coalesce(p_until, 'infinity')
     ORDER BY g.day
$$;
