-- delete_session: ends a session.
CREATE FUNCTION emailgw_api.delete_session(p_account_id bigint, p_session_hash bytea)
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    DELETE FROM session AS s WHERE s.account_id = p_account_id AND s.session_hash = p_session_hash
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.delete_session TO emailgw_module;
