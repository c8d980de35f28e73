-- ctl_limits_get: the limits in force for an account, with what it has used of
-- them now, or those of a group. source says which are the account's own.
CREATE FUNCTION emailgw_api.ctl_limits_get(p_username text, p_group text)
RETURNS TABLE (status text, name text, sends_per_hour bigint, sends_per_day bigint, sends_per_month bigint,
               max_domains bigint, used_hour bigint, used_day bigint, used_month bigint, source text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF p_group IS NOT NULL THEN
        RETURN QUERY
        SELECT 'ok', g.name, g.sends_per_hour, g.sends_per_day, g.sends_per_month, g.max_domains,
               NULL::bigint, NULL::bigint, NULL::bigint, 'group'
          FROM account_group AS g WHERE g.name = p_group;
    ELSE
        RETURN QUERY
        SELECT 'ok', u.username, l.sends_per_hour, l.sends_per_day, l.sends_per_month, l.max_domains,
               q.hour, q.day, q.month,
               CASE WHEN l.own_limits = '{}' THEN coalesce('group ' || l.group_name, 'none')
                    ELSE 'own ' || array_to_string(l.own_limits, ', ')
                         || coalesce('; else group ' || l.group_name, '') END
          FROM directory_username AS u
         CROSS JOIN LATERAL emailgw_api.account_limits(u.account_id) AS l
         CROSS JOIN LATERAL emailgw_api.used_quota(u.account_id, now()) AS q
         WHERE u.username = p_username;
    END IF;
    IF NOT FOUND THEN
        RETURN QUERY SELECT CASE WHEN p_group IS NULL THEN 'unknown user' ELSE 'unknown group' END, NULL,
                            NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint,
                            NULL::bigint, NULL;
    END IF;
END
$$;
