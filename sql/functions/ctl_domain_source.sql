-- ctl_domain_source: the address that a domain's mail is sent from, with each
-- attempt that begins from now on.
--   p_address  NULL: whichever the system takes
CREATE FUNCTION emailgw_api.ctl_domain_source(p_account_id bigint, p_name text, p_address inet,
                                              OUT status text, OUT domain_id bigint, OUT source_address text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    UPDATE domain AS d SET source_address = p_address
     WHERE d.account_id = p_account_id AND d.name = p_name AND d.deleted_at IS NULL
    RETURNING d.domain_id, host(d.source_address) INTO domain_id, source_address;
    status := CASE WHEN FOUND THEN 'ok' ELSE 'unknown domain' END;
END
$$;
