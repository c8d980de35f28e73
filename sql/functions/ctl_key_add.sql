-- ctl_key_add: a sender key for a domain.
CREATE FUNCTION emailgw_api.ctl_key_add(p_account_id bigint, p_domain text, p_description text, p_key_hash bytea,
                                        p_key_sealed bytea, OUT status text, OUT api_key_id bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO api_key AS k (account_id, domain_id, description, key_hash, key_sealed)
    SELECT d.account_id, d.domain_id, p_description, p_key_hash, p_key_sealed
      FROM domain AS d
     WHERE d.account_id = p_account_id AND d.name = p_domain AND d.deleted_at IS NULL
    RETURNING k.api_key_id INTO api_key_id;
    status := CASE WHEN FOUND THEN 'ok' ELSE 'unknown domain' END;
END
$$;
