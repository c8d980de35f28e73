-- quota_detail: which limit of an account is reached, in words: what check_quota answers. Without
-- p_ends_at it is smaller than what was asked for.
CREATE FUNCTION emailgw_api.quota_detail(p_period text, p_allowed bigint, p_ends_at timestamptz)
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT format('%s emails per %s, ', p_allowed, p_period)
           || coalesce('until ' || to_char(p_ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'),
                       'fewer than this mail has recipients: it cannot be sent at any time')
$$;
