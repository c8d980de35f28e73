-- ctl_domain_rotate: a domain's pending DKIM key; where it has none, the one that
-- is given becomes it. Mail is signed with the current key all the while.
--   p_selector  taken as free_selector says
--   p_record, p_sealed  of the key; NULL: nothing is changed
-- dkim_selector is what is signed with, pending_selector NULL where there is no
-- pending key.
CREATE FUNCTION emailgw_api.ctl_domain_rotate(p_account_id bigint, p_name text, p_selector text, p_record text,
                                              p_sealed bytea, OUT status text, OUT domain_id bigint,
                                              OUT dkim_selector text, OUT pending_selector text,
                                              OUT pending_record text, OUT pending_since timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_domain domain;
    v_free text;
BEGIN
    v_domain := emailgw_api.ctl_lock_domain(p_account_id, p_name);
    IF v_domain.domain_id IS NULL THEN
        status := 'unknown domain';
        RETURN;
    END IF;
    IF v_domain.pending_selector IS NULL AND p_record IS NOT NULL THEN
        v_free := emailgw_api.free_selector(p_name, p_selector);
        IF v_free IS NULL THEN
            status := 'no selector is left this month';
            RETURN;
        END IF;
        UPDATE domain AS d
           SET pending_selector = v_free, pending_record = p_record, pending_sealed = p_sealed, pending_since = now()
         WHERE d.account_id = p_account_id AND d.domain_id = v_domain.domain_id
        RETURNING d.* INTO v_domain;
    END IF;
    status := 'ok';
    domain_id := v_domain.domain_id;
    dkim_selector := v_domain.dkim_selector;
    pending_selector := v_domain.pending_selector;
    pending_record := v_domain.pending_record;
    pending_since := v_domain.pending_since;
END
$$;
