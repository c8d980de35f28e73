-- account_limits: the limits in force for an account: its own where set, else
-- its group's; NULL is no limit. Inlined into the functions that use it.
CREATE FUNCTION emailgw_api.account_limits(p_account_id bigint)
RETURNS TABLE (sends_per_hour bigint, sends_per_day bigint, sends_per_month bigint, max_domains bigint,
               group_name text, own_limits text[])
LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN 'hour' = ANY (a.own_limits) THEN a.sends_per_hour ELSE g.sends_per_hour END,
           CASE WHEN 'day' = ANY (a.own_limits) THEN a.sends_per_day ELSE g.sends_per_day END,
           CASE WHEN 'month' = ANY (a.own_limits) THEN a.sends_per_month ELSE g.sends_per_month END,
           CASE WHEN 'domains' = ANY (a.own_limits) THEN a.max_domains ELSE g.max_domains END,
           g.name, a.own_limits
      FROM emailgw.account AS a
      LEFT JOIN emailgw.account_group AS g ON g.group_id = a.group_id
     WHERE a.account_id = p_account_id
$$;
