-- get_dkim_keys: the keys that domains sign with, sealed to the sender; also of
-- domains that were deleted while their mail waits.
CREATE FUNCTION emailgw_api.get_dkim_keys(p_account_ids bigint[], p_domain_ids bigint[])
RETURNS TABLE (account_id bigint, domain_id bigint, name text, selector text, sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT d.account_id, d.domain_id, d.name, d.dkim_selector, d.dkim_sealed
      FROM unnest(p_account_ids, p_domain_ids) AS w (account_id, domain_id)
      JOIN domain AS d ON d.account_id = w.account_id AND d.domain_id = w.domain_id
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_dkim_keys TO emailgw_sender;
