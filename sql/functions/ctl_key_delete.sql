-- ctl_key_delete: delete_api, with its outcome in words.
CREATE FUNCTION emailgw_api.ctl_key_delete(p_account_id bigint, p_api_key_id bigint, OUT status text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT CASE WHEN emailgw_api.delete_api(p_account_id, p_api_key_id) THEN 'ok' ELSE 'unknown key' END
$$;
