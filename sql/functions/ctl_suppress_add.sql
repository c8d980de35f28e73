-- ctl_suppress_add: an address gets nothing more from an account or one of its domains,
-- with account 0 from any.
CREATE FUNCTION emailgw_api.ctl_suppress_add(p_account_id bigint, p_domain text, p_email text, p_reason text,
                                             OUT status text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    v_scope bigint := emailgw_api.ctl_scope(p_account_id, p_domain);
BEGIN
    IF v_scope IS NULL THEN
        status := 'unknown domain';
        RETURN;
    END IF;
    INSERT INTO suppression (account_id, address, domain_id, reason)
    VALUES (p_account_id, fold_address(p_email), v_scope, p_reason)
    ON CONFLICT (account_id, address, domain_id) DO UPDATE SET reason = excluded.reason;
    status := 'ok';
END
$$;
