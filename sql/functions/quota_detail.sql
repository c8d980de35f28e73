-- quota_detail: which limit of an account is reached, in words: what check_quota answers.
CREATE FUNCTION emailgw_api.quota_detail(p_period text, p_allowed bigint, p_ends_at timestamptz)
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT format('%s emails per %s, until %s UTC', p_allowed, p_period,
                  to_char(p_ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'))
$$;
