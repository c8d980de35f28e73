-- return_path_state: whose a return path is, its MAC being right:
--   known    p_host is where the return paths of the mail's domain lead
--   gone     the mail is no longer stored; p_host is that of a domain of the account
--   unknown  it leads elsewhere
CREATE FUNCTION emailgw_api.return_path_state(p_account_id bigint, p_message_id uuid, p_recipient_no integer, p_host text)
RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT coalesce((SELECT CASE WHEN h.here THEN 'known' ELSE 'unknown' END
                       FROM recipient AS r
                       JOIN message AS m ON m.account_id = r.account_id AND m.message_id = r.message_id
                       JOIN domain AS d ON d.account_id = m.account_id AND d.domain_id = m.domain_id
                      CROSS JOIN LATERAL (SELECT lower(p_host) = d.subdomain || '.' || d.name AS here) AS h
                      WHERE r.account_id = p_account_id AND r.message_id = p_message_id
                        AND r.recipient_no = p_recipient_no AND m.message_id = p_message_id),
                    (SELECT 'gone' FROM domain AS d
                      WHERE d.account_id = p_account_id AND lower(p_host) = d.subdomain || '.' || d.name LIMIT 1),
                    'unknown')
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.return_path_state TO emailgw_module;
