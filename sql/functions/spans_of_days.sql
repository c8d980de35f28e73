-- spans_of_days: the rows of closed_count that make up a number of days, both ends
-- included: the days before the first whole month, the whole months, the days after
-- the last; each from low on, and below high.
CREATE FUNCTION emailgw_api.spans_of_days(p_from date, p_until date)
RETURNS TABLE (span "char", low date, high date)
LANGUAGE sql IMMUTABLE
AS $$
    SELECT s.span, s.low, s.high
      FROM (SELECT (date_trunc('month', (p_from - 1)::timestamp) + interval '1 month')::date AS first,
                   date_trunc('month', (p_until + 1)::timestamp)::date AS past) AS m
     CROSS JOIN LATERAL (VALUES ('d'::"char", p_from, least(m.first, p_until + 1)),
                                ('m', m.first, m.past),
                                ('d', greatest(m.first, m.past), p_until + 1)) AS s (span, low, high)
     WHERE s.low < s.high
$$;
