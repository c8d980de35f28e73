-- replace_api: a new sender key with all that another one has; that one is dead from
-- here on.
--   p_key_hash, p_key_sealed  of the new key, as in add_api
-- One row, or none where the account has no such key; one of a deleted domain is gone
-- with it.
CREATE FUNCTION emailgw_api.replace_api(p_account_id bigint, p_api_key_id bigint, p_key_hash bytea,
                                        p_key_sealed bytea)
RETURNS TABLE (api_key_id bigint, permissions text, domain_id bigint, description text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    WITH former AS (
        UPDATE api_key AS k SET deleted_at = now()
          FROM domain AS d
         WHERE k.account_id = p_account_id AND k.api_key_id = p_api_key_id AND k.deleted_at IS NULL
           AND d.account_id = k.account_id AND d.domain_id = k.domain_id AND d.deleted_at IS NULL
        RETURNING k.*
    )
    INSERT INTO api_key AS n (account_id, domain_id, description, key_hash, key_sealed, permissions, list_id,
                              subscriber_id, journey_id, action_id)
    SELECT f.account_id, f.domain_id, f.description, p_key_hash, p_key_sealed, f.permissions, f.list_id,
           f.subscriber_id, f.journey_id, f.action_id
      FROM former AS f
    RETURNING n.api_key_id, n.permissions, n.domain_id, n.description
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.replace_api TO emailgw_module;
