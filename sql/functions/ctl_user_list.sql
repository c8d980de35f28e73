-- ctl_user_list: all accounts by user name, with how many domains they have.
CREATE FUNCTION emailgw_api.ctl_user_list()
RETURNS TABLE (account_id bigint, username text, email text, status text, group_name text, created_at timestamptz,
               domains integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT a.account_id, a.username, a.email, a.status::text, g.name, a.created_at,
           (SELECT count(*)::integer FROM domain AS d
             WHERE d.account_id = a.account_id AND d.deleted_at IS NULL)
      FROM account AS a
      LEFT JOIN account_group AS g ON g.group_id = a.group_id
     ORDER BY a.username
$$;
