-- delete_api: a sender key is dead from here on. Whether there was such a key; one
-- of a deleted domain is gone with it.
CREATE FUNCTION emailgw_api.delete_api(p_account_id bigint, p_api_key_id bigint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
BEGIN
    UPDATE api_key AS k SET deleted_at = now()
      FROM domain AS d
     WHERE k.account_id = p_account_id AND k.api_key_id = p_api_key_id AND k.deleted_at IS NULL
       AND d.account_id = k.account_id AND d.domain_id = k.domain_id AND d.deleted_at IS NULL;
    RETURN FOUND;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.delete_api TO emailgw_module;
