-- hold_domain: enters a name into the directory for a domain that is verified
-- now. Only one account can hold a name: false where another one does.
CREATE FUNCTION emailgw_api.hold_domain(p_name text, p_account_id bigint, p_domain_id bigint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    INSERT INTO emailgw.directory_domain AS h (name, account_id, domain_id)
    VALUES (p_name, p_account_id, p_domain_id)
    ON CONFLICT (name) DO UPDATE SET domain_id = excluded.domain_id WHERE h.account_id = excluded.account_id;
    RETURN FOUND;
END
$$;
