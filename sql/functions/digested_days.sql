-- digested_days: the days, both ends included, of which a domain's digest holds: it is whole,
-- and the counters say that no event has come since. Counters of days before its first one
-- are not read.
CREATE FUNCTION emailgw_api.digested_days(p_account_id bigint, p_domain_id bigint, p_from date, p_until date)
RETURNS SETOF date
LANGUAGE sql STABLE
AS $$
    SELECT g.day
      FROM (SELECT min(d.day) AS day FROM emailgw.digest AS d WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id) AS first
     CROSS JOIN LATERAL (SELECT c.day, sum(c.count) AS events
                           FROM emailgw_api.domain_counts(p_account_id, p_domain_id, greatest(p_from, first.day), p_until) AS c
                          WHERE c.type < 100
                          GROUP BY c.day) AS c
      JOIN emailgw.digest AS g ON g.day = c.day AND g.events = c.events
     WHERE g.account_id = p_account_id AND g.domain_id = p_domain_id AND g.made_until IS NULL
     ORDER BY g.day
$$;
