-- login_account: the hash that a password is compared with. No row for an account that does not exist.
CREATE FUNCTION emailgw_api.login_account(p_account_id bigint)
RETURNS TABLE (password_hash text, status text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT a.password_hash, a.status::text FROM account AS a WHERE a.account_id = p_account_id
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.login_account TO emailgw_module;
