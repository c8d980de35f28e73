-- ctl_domain_dns: what get_domain says, by the domain's name.
CREATE FUNCTION emailgw_api.ctl_domain_dns(p_account_id bigint, p_name text)
RETURNS TABLE (status text, domain_id bigint, name text, domain_status text, subdomain text, tracking_base_url text,
               mail_host text, tracking_host text, ownership_token text, dkim_selector text, dkim_record text,
               records_verified text, records_failed text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT CASE WHEN g.domain_id IS NULL THEN 'unknown domain' ELSE 'ok' END, g.domain_id, g.name, g.domain_status,
           g.subdomain, g.tracking_base_url, g.mail_host, g.tracking_host, g.ownership_token, g.dkim_selector,
           g.dkim_record, g.records_verified, g.records_failed
      FROM (SELECT) AS one
      LEFT JOIN domain AS d ON d.account_id = p_account_id AND d.name = p_name AND d.deleted_at IS NULL
      LEFT JOIN LATERAL emailgw_api.get_domain(d.account_id, d.domain_id) AS g ON true
$$;
