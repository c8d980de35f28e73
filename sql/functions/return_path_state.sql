-- return_path_state: whose a return path is, its MAC being right:
--   known    p_host is one label below the mail's domain: where its return paths lead, or have
--            led before the domain got another sub-domain
--   gone     the mail is no longer stored; p_host is such a host of a domain of the account
--   unknown  it leads elsewhere
CREATE FUNCTION emailgw_api.return_path_state(p_account_id bigint, p_message_id uuid, p_recipient_no integer, p_host text)
RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    WITH host AS (SELECT substring(lower(p_host) FROM '^[^.]+\.(.+)$') AS domain_name)
    SELECT coalesce((SELECT CASE WHEN d.name = h.domain_name THEN 'known' ELSE 'unknown' END
                       FROM host AS h, recipient AS r
                       JOIN message AS m ON m.account_id = r.account_id AND m.message_id = r.message_id
                       JOIN domain AS d ON d.account_id = m.account_id AND d.domain_id = m.domain_id
                      WHERE r.account_id = p_account_id AND r.message_id = p_message_id
                        AND r.recipient_no = p_recipient_no AND m.message_id = p_message_id),
                    (SELECT 'gone' FROM host AS h JOIN domain AS d ON d.account_id = p_account_id AND d.name = h.domain_name
                      LIMIT 1),
                    'unknown')
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.return_path_state TO emailgw_module;
