-- ctl_key_list: the sender keys of an account, or of one domain of it.
CREATE FUNCTION emailgw_api.ctl_key_list(p_account_id bigint, p_domain text)
RETURNS TABLE (api_key_id bigint, domain text, description text, permissions text, created_at timestamptz,
               last_used_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT k.api_key_id, d.name, k.description, k.permissions, k.created_at, k.last_used_at
      FROM api_key AS k
      JOIN domain AS d ON d.account_id = k.account_id AND d.domain_id = k.domain_id
     WHERE k.account_id = p_account_id AND k.deleted_at IS NULL AND d.deleted_at IS NULL
       AND (p_domain IS NULL OR d.name = p_domain)
     ORDER BY d.name, k.api_key_id
$$;
