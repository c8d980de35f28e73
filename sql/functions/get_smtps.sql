-- get_smtps: the SMTP credentials of a domain, oldest first. No row is a domain
-- that does not exist; smtp_id is NULL where it has none. active: mail that is
-- handed in with it now would be taken.
CREATE FUNCTION emailgw_api.get_smtps(p_account_id bigint, p_domain_id bigint)
RETURNS TABLE (smtp_id bigint, username text, from_email text, from_name text, reply_to_email text,
               reply_to_name text, active boolean, created_us bigint, last_used_us bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT s.smtp_id, s.username, s.from_email, s.from_name, s.reply_to_email, s.reply_to_name,
           d.status IN ('Enabled', 'Warning') AND a.status = 'active',
           (extract(epoch FROM s.created_at) * 1000000)::bigint,
           (extract(epoch FROM s.last_used_at) * 1000000)::bigint
      FROM domain AS d
      JOIN account AS a ON a.account_id = d.account_id
      LEFT JOIN smtp_credential AS s ON s.account_id = d.account_id AND s.domain_id = d.domain_id
                                    AND s.deleted_at IS NULL
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL
     ORDER BY s.smtp_id
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_smtps TO emailgw_module;
