-- authenticate: the sender key of a request that will be refused anyway: does
-- its failure to authenticate come first, which domain must From be in, and are
-- List-Unsubscribe headers the gateway's own?
-- One row always; see sender_key for status.
CREATE FUNCTION emailgw_api.authenticate(p_account_id bigint, p_key_hash bytea, p_permission text,
                                         OUT status integer, OUT domain_name text, OUT unsubscribe_link boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
BEGIN
    SELECT k.status, k.domain_name, k.unsubscribe_link INTO status, domain_name, unsubscribe_link
      FROM emailgw_api.sender_key(p_account_id, p_key_hash, p_permission) AS k;
    status := coalesce(status, 13);
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.authenticate TO emailgw_module;
