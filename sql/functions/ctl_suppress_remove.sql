-- ctl_suppress_remove: takes an address off the list of an account or of one domain,
-- with account 0 off that of the system.
--   p_hashes  as in suppressions_of
CREATE FUNCTION emailgw_api.ctl_suppress_remove(p_account_id bigint, p_domain text, p_email text, p_hashes text DEFAULT NULL,
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
    DELETE FROM suppression
     WHERE account_id = p_account_id AND address = ANY (fold_address(p_email) || string_to_array(p_hashes, ' '))
       AND domain_id = v_scope;
    status := CASE WHEN FOUND THEN 'ok' ELSE 'address is not suppressed' END;
END
$$;
