-- release_domain: a domain that is verified no more gives its name up, so that
-- whoever can publish records for it may hold it.
CREATE FUNCTION emailgw_api.release_domain(p_name text, p_account_id bigint, p_domain_id bigint)
RETURNS void
LANGUAGE sql VOLATILE
AS $$
    DELETE FROM emailgw.directory_domain AS h
     WHERE h.name = p_name AND h.account_id = p_account_id AND h.domain_id = p_domain_id
$$;
