-- ctl_user_key: gives an account its API key, in place of an earlier one. The key
-- carries the account's id, so it is made after the account.
CREATE FUNCTION emailgw_api.ctl_user_key(p_account_id bigint, p_key_hash bytea, p_key_sealed bytea, OUT status text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
BEGIN
    UPDATE account SET api_key_hash = p_key_hash, api_key_sealed = p_key_sealed
     WHERE account_id = p_account_id;
    status := CASE WHEN FOUND THEN 'ok' ELSE 'unknown user' END;
END
$$;
