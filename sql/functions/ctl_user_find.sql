-- ctl_user_find: a user name's account.
CREATE FUNCTION emailgw_api.ctl_user_find(p_username text)
RETURNS TABLE (account_id bigint, status text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT a.account_id, a.status::text
      FROM directory_username AS u
      JOIN account AS a ON a.account_id = u.account_id
     WHERE u.username = p_username
$$;
