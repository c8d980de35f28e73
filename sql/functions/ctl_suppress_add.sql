-- ctl_suppress_add: an address gets nothing more from an account or one of its domains,
-- with account 0 from any. An entry that is there already is the operator's from now on, with
-- no mail as its reason.
--   p_hashes  as in suppressions_of
-- erased is true where the person was erased and gets nothing there already: the address is
-- not stored again.
CREATE FUNCTION emailgw_api.ctl_suppress_add(p_account_id bigint, p_domain text, p_email text, p_reason text,
                                             p_hashes text DEFAULT NULL, OUT status text, OUT erased boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    v_scope bigint := emailgw_api.suppressed_as(p_account_id, emailgw_api.ctl_scope(p_account_id, p_domain));
BEGIN
    erased := false;
    IF v_scope IS NULL THEN
        status := 'unknown domain';
        RETURN;
    END IF;
    status := 'ok';
    erased := EXISTS (SELECT FROM suppression AS s
                       WHERE s.account_id IN (0, p_account_id) AND s.domain_id IN (0, v_scope)
                         AND s.address = ANY (string_to_array(p_hashes, ' ')));
    IF erased THEN
        RETURN;
    END IF;
    INSERT INTO suppression (account_id, address, domain_id, reason)
    VALUES (p_account_id, fold_address(p_email), v_scope, p_reason)
    ON CONFLICT (account_id, address, domain_id)
    DO UPDATE SET reason = excluded.reason, message_id = NULL, reply = NULL;
END
$$;
