-- get_apis: the sender keys of a domain, oldest first, sealed. No row is a domain
-- that does not exist; api_key_id is NULL where it has no key.
CREATE FUNCTION emailgw_api.get_apis(p_account_id bigint, p_domain_id bigint)
RETURNS TABLE (api_key_id bigint, key_sealed bytea, description text, permissions text, list_id bigint,
               subscriber_id bigint, journey_id bigint, action_id bigint, created_us bigint, last_used_us bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT k.api_key_id, k.key_sealed, k.description, k.permissions, k.list_id, k.subscriber_id, k.journey_id,
           k.action_id, (extract(epoch FROM k.created_at) * 1000000)::bigint,
           (extract(epoch FROM k.last_used_at) * 1000000)::bigint
      FROM domain AS d
      LEFT JOIN api_key AS k ON k.account_id = d.account_id AND k.domain_id = d.domain_id AND k.deleted_at IS NULL
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL
     ORDER BY k.api_key_id
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_apis TO emailgw_module;
