-- authenticate_smtp: may this SMTP credential be used now?
--   p_password_hash  SHA-256 of the password
-- One row, or none where there is no such credential or the password is another one.
-- status is 0, or as sender_key has it: 2, 12, 32, 34.
CREATE FUNCTION emailgw_api.authenticate_smtp(p_account_id bigint, p_smtp_id bigint, p_password_hash bytea)
RETURNS TABLE (status integer, domain_id bigint, domain_name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT CASE WHEN d.deleted_at IS NOT NULL THEN 2
                WHEN a.status = 'disabled' THEN 12
                WHEN d.status NOT IN ('Enabled', 'Warning') THEN 32
                WHEN a.status = 'unverified' THEN 34
                ELSE 0 END,
           d.domain_id, d.name
      FROM smtp_credential AS s
      JOIN domain AS d ON d.account_id = s.account_id AND d.domain_id = s.domain_id
      JOIN account AS a ON a.account_id = s.account_id
     WHERE s.account_id = p_account_id AND s.smtp_id = p_smtp_id AND s.deleted_at IS NULL
       AND s.password_hash = p_password_hash
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.authenticate_smtp TO emailgw_module;
