-- period_end: when the hour, day or month of a moment is over, by UTC: a sum of timestamptz and
-- interval goes by the session's time zone, in which a month of UTC is seldom a month.
CREATE FUNCTION emailgw_api.period_end(p_period text, p_at timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE
AS $$
    SELECT (date_trunc(p_period, p_at AT TIME ZONE 'UTC') + ('1 ' || p_period)::interval) AT TIME ZONE 'UTC'
$$;
