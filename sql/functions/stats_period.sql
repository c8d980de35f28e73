-- stats_period: the days (UTC) that statistics are of, both included, and from which
-- day on the period of the same length just before them is.
--   p_from, p_until  NULL: until today, 28 days
CREATE FUNCTION emailgw_api.stats_period(p_from date, p_until date, OUT first date, OUT last date, OUT before date)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    c_first CONSTANT date := '1970-01-01'; -- before it nothing is counted, and some way before it dates end
BEGIN
    last := coalesce(p_until, greatest((now() AT TIME ZONE 'UTC')::date, p_from));
    first := coalesce(p_from, greatest(last - 27, c_first));
    before := first - least(last - first + 1, first - c_first);
END
$$;
