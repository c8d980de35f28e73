-- ctl_suppress_remove: takes an address off the list of an account or of one domain,
-- with account 0 off that of the system.
--   p_hashes  as in suppressions_of
-- others is what it still gets nothing from, as ctl_suppressed_by names it.
CREATE FUNCTION emailgw_api.ctl_suppress_remove(p_account_id bigint, p_domain text, p_email text, p_hashes text DEFAULT NULL,
                                                OUT status text, OUT others text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    v_scope bigint := emailgw_api.suppressed_as(p_account_id, emailgw_api.ctl_scope(p_account_id, p_domain));
    v_addresses text[] := fold_address(p_email) || string_to_array(p_hashes, ' ');
BEGIN
    IF v_scope IS NULL THEN
        status := 'unknown domain';
        RETURN;
    END IF;
    DELETE FROM suppression
     WHERE account_id = p_account_id AND address = ANY (v_addresses) AND domain_id = v_scope;
    status := CASE WHEN FOUND THEN 'ok' ELSE 'address is not suppressed' END;
    others := emailgw_api.ctl_suppressed_by(p_account_id, v_addresses);
    IF status <> 'ok' AND others IS NOT NULL THEN
        status := format('address is not suppressed for %s, but for %s', coalesce(p_domain, 'the whole account'), others);
    END IF;
END
$$;
