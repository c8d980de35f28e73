-- get_domain: a domain with all that its records are made of. No row where it is
-- missing, deleted or another account's.
--   records_verified, records_failed  purposes, with commas between them
CREATE FUNCTION emailgw_api.get_domain(p_account_id bigint, p_domain_id bigint)
RETURNS TABLE (domain_id bigint, name text, domain_status text, link_tracking boolean, open_tracking boolean,
               unsubscribe_link boolean, hosting_provider text, subdomain text, tracking_base_url text,
               mail_host text, tracking_host text, ownership_token text, dkim_selector text, dkim_record text,
               records_version integer, records_verified text, records_failed text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT d.domain_id, d.name, d.status::text, d.link_tracking, d.open_tracking, d.unsubscribe_link,
           d.hosting_provider, d.subdomain, d.tracking_base_url, d.mail_host, d.tracking_host, d.ownership_token,
           d.dkim_selector, d.dkim_record, d.records_version, array_to_string(d.records_verified, ','),
           array_to_string(d.records_failed, ',')
      FROM domain AS d
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_domain TO emailgw_module;
