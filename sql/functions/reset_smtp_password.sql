-- reset_smtp_password: a new password for an SMTP credential; the old one is dead
-- from here on. The credential, or no row: there is none, or its domain is deleted.
--   p_password_hash  SHA-256 of the new password
CREATE FUNCTION emailgw_api.reset_smtp_password(p_account_id bigint, p_smtp_id bigint, p_password_hash bytea)
RETURNS TABLE (smtp_id bigint, username text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    UPDATE smtp_credential AS s SET password_hash = p_password_hash
      FROM domain AS d
     WHERE s.account_id = p_account_id AND s.smtp_id = p_smtp_id AND s.deleted_at IS NULL
       AND d.account_id = s.account_id AND d.domain_id = s.domain_id AND d.deleted_at IS NULL
    RETURNING s.smtp_id, s.username
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.reset_smtp_password TO emailgw_module;
