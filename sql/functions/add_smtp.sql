-- add_smtp: a new SMTP credential for a domain.
--   p_password_hash  SHA-256 of the password
--   p_from_email .. p_reply_to_name  for mails that lack them, NULL is none
--   p_limit          credentials that a domain may have
-- status is 0, 2 where there is no such domain, 114 for a From outside it, 112
-- where it has p_limit of them.
CREATE FUNCTION emailgw_api.add_smtp(p_account_id bigint, p_domain_id bigint, p_password_hash bytea,
                                     p_from_email text, p_from_name text, p_reply_to_email text,
                                     p_reply_to_name text, p_limit integer,
                                     OUT status integer, OUT smtp_id bigint, OUT username text,
                                     OUT domain_name text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    -- Who adds to a domain waits for others who do, so that all count the same credentials.
    SELECT d.name INTO domain_name FROM domain AS d
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL
       FOR NO KEY UPDATE;
    status := CASE WHEN NOT FOUND THEN 2
                   WHEN NOT emailgw_api.is_within(substring(p_from_email FROM '[^@]*$'), domain_name) THEN 114
                   WHEN (SELECT count(*) FROM smtp_credential AS s
                          WHERE s.account_id = p_account_id AND s.domain_id = p_domain_id
                            AND s.deleted_at IS NULL) >= p_limit THEN 112
                   ELSE 0 END;
    IF status = 0 THEN
        INSERT INTO smtp_credential AS s (account_id, domain_id, password_hash, from_email, from_name,
                                          reply_to_email, reply_to_name)
        VALUES (p_account_id, p_domain_id, p_password_hash, coalesce(p_from_email, ''), coalesce(p_from_name, ''),
                coalesce(p_reply_to_email, ''), coalesce(p_reply_to_name, ''))
        RETURNING s.smtp_id, s.username INTO smtp_id, username;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.add_smtp TO emailgw_module;
