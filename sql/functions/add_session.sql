-- add_session: the password was right, so here is a new session.
--   p_password_hash  what it was compared with: a password that was changed meanwhile gives none
--   p_max_seconds    how long it lives at most
-- False when the account may not have one any more. The oldest of over 100 sessions end.
CREATE FUNCTION emailgw_api.add_session(p_account_id bigint, p_session_hash bytea, p_password_hash text,
                                        p_max_seconds integer)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
BEGIN
    PERFORM FROM account AS a
      WHERE a.account_id = p_account_id AND a.password_hash = p_password_hash AND a.status <> 'disabled'
        FOR NO KEY UPDATE; -- so that a change of it ends this session too
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM session AS s
     WHERE s.account_id = p_account_id
       AND s.session_hash IN (SELECT o.session_hash FROM session AS o WHERE o.account_id = p_account_id
                               ORDER BY o.created_at DESC OFFSET 99);
    INSERT INTO session (account_id, session_hash, expires_at)
    VALUES (p_account_id, p_session_hash, now() + make_interval(secs => p_max_seconds));
    RETURN true;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.add_session TO emailgw_module;
