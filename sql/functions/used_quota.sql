-- used_quota: what an account has sent in the hour, day and month (UTC) of a
-- moment: the sum over the slots. Counted for limited accounts only.
CREATE FUNCTION emailgw_api.used_quota(p_account_id bigint, p_at timestamptz,
                                       OUT hour bigint, OUT day bigint, OUT month bigint)
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(sum(u.sent) FILTER (WHERE u.period = 'h' AND u.starts_at = date_trunc('hour', p_at, 'UTC')), 0),
           coalesce(sum(u.sent) FILTER (WHERE u.period = 'd' AND u.starts_at = date_trunc('day', p_at, 'UTC')), 0),
           coalesce(sum(u.sent) FILTER (WHERE u.period = 'm' AND u.starts_at = date_trunc('month', p_at, 'UTC')), 0)
      FROM emailgw.usage AS u
     WHERE u.account_id = p_account_id
       AND (u.period, u.starts_at) IN (('h', date_trunc('hour', p_at, 'UTC')), ('d', date_trunc('day', p_at, 'UTC')),
                                       ('m', date_trunc('month', p_at, 'UTC')))
$$;
