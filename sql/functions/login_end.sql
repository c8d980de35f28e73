-- login_end: the try went well. What was counted against the name is forgotten,
-- and against the address this one try. In the directory.
CREATE FUNCTION emailgw_api.login_end(p_account_id bigint, p_username text, p_client text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
BEGIN
    PERFORM FROM login_failure AS f
       WHERE f.subject IN (SELECT s.subject FROM emailgw_api.login_subjects(p_username, p_client) AS s)
       ORDER BY f.subject FOR UPDATE;
    UPDATE login_failure AS f
       SET tries = CASE s.kind WHEN 'address' THEN greatest(f.tries - 1, 0) ELSE 0 END, blocked_until = '-infinity'
      FROM emailgw_api.login_subjects(p_username, p_client) AS s
     WHERE f.subject = s.subject;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.login_end TO emailgw_module;
