-- ctl_domain_list: the domains of an account, or of all with NULL.
CREATE FUNCTION emailgw_api.ctl_domain_list(p_account_id bigint)
RETURNS TABLE (account_id bigint, username text, domain_id bigint, name text, domain_status text,
               created_at timestamptz, dkim_selector text, dkim_record text, ownership_token text, subdomain text,
               tracking_base_url text, pending_selector text, source_address text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT a.account_id, a.username, d.domain_id, d.name, d.status::text, d.created_at, d.dkim_selector,
           d.dkim_record, d.ownership_token, d.subdomain, d.tracking_base_url, d.pending_selector,
           host(d.source_address)
      FROM domain AS d
      JOIN account AS a ON a.account_id = d.account_id
     WHERE (p_account_id IS NULL OR d.account_id = p_account_id) AND d.deleted_at IS NULL
     ORDER BY a.username, d.name
$$;
