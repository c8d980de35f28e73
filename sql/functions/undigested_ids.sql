-- undigested_ids: between which ids the events of days are, both ends included and NULL
-- being open, that are not among p_digested, which ascend: from low on, and below high.
CREATE FUNCTION emailgw_api.undigested_ids(p_from date, p_until date, p_digested date[])
RETURNS TABLE (low uuid, high uuid)
LANGUAGE sql IMMUTABLE
AS $$
    SELECT r.low, r.high
      FROM (SELECT coalesce(lag(d.high) OVER (ORDER BY d.low), i.low) AS low, d.low AS high
              FROM emailgw_api.ids_of_days(p_from, p_until) AS i
             CROSS JOIN LATERAL (SELECT d.low, d.high
                                   FROM unnest(p_digested) AS g (day) CROSS JOIN LATERAL emailgw_api.ids_of_days(g.day, g.day) AS d
                                 UNION ALL SELECT i.high, i.high) AS d (low, high)) AS r
     WHERE r.low < r.high
$$;
