-- authenticate_account: may a call of /api.php act for this account?
--   p_key_hash, p_session_hash  SHA-256 of APIKey and SessionID; NULL without one. Each that is there must be right
--   p_idle_seconds              how long a session lives without a call
-- 0, 99999 for a session that has expired, else 99998: no such account, key or
-- session, or a disabled account. A session of a good call lives on.
CREATE FUNCTION emailgw_api.authenticate_account(p_account_id bigint, p_key_hash bytea, p_session_hash bytea,
                                                 p_idle_seconds integer)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    v_account record;
    v_session record;
    v_idle CONSTANT interval := make_interval(secs => p_idle_seconds);
BEGIN
    SELECT a.status, a.api_key_hash INTO v_account FROM account AS a WHERE a.account_id = p_account_id;
    IF NOT FOUND OR v_account.status = 'disabled' OR coalesce(p_key_hash, p_session_hash) IS NULL
       OR p_key_hash IS NOT NULL AND p_key_hash IS DISTINCT FROM v_account.api_key_hash THEN
        RETURN 99998;
    END IF;
    IF p_session_hash IS NULL THEN
        RETURN 0;
    END IF;
    SELECT s.expires_at, s.used_at INTO v_session
      FROM session AS s WHERE s.account_id = p_account_id AND s.session_hash = p_session_hash;
    IF NOT FOUND THEN
        RETURN 99998;
    END IF;
    IF v_session.expires_at <= now() OR v_session.used_at <= now() - v_idle THEN
        RETURN 99999;
    END IF;
    IF v_session.used_at < now() - least(v_idle / 10, interval '1 minute') THEN
        UPDATE session AS s SET used_at = now()
         WHERE s.account_id = p_account_id AND s.session_hash = p_session_hash AND s.used_at < now();
    END IF;
    RETURN 0;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.authenticate_account TO emailgw_module;
