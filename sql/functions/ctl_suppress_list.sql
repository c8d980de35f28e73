-- ctl_suppress_list: suppressed addresses of an account; with p_domain only that
-- domain's. domain is NULL where an address is suppressed for the whole account,
-- message_id and reply where no mail is the reason.
CREATE FUNCTION emailgw_api.ctl_suppress_list(p_account_id bigint, p_domain text)
RETURNS TABLE (email text, domain text, reason text, created_at timestamptz, message_id uuid, reply text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT s.address, d.name, s.reason, s.created_at, s.message_id, s.reply
      FROM suppression AS s
      LEFT JOIN domain AS d ON d.account_id = s.account_id AND d.domain_id = s.domain_id
     WHERE s.account_id = p_account_id
       AND (p_domain IS NULL
            OR s.domain_id = (SELECT emailgw_api.suppressed_as(p_account_id, emailgw_api.ctl_scope(p_account_id, p_domain))))
     ORDER BY s.address, d.name
$$;
