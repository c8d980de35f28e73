-- ctl_domain_rotate_abandon: a domain's pending DKIM key is no more, and the
-- current one stays. Its selector may be in DNS by now: it is not given out again.
CREATE FUNCTION emailgw_api.ctl_domain_rotate_abandon(p_account_id bigint, p_name text, OUT status text,
                                                      OUT domain_id bigint, OUT dkim_selector text,
                                                      OUT abandoned_selector text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_domain domain;
BEGIN
    v_domain := emailgw_api.ctl_lock_domain(p_account_id, p_name);
    IF v_domain.domain_id IS NULL THEN
        status := 'unknown domain';
        RETURN;
    END IF;
    IF v_domain.pending_selector IS NULL THEN
        status := 'no key is pending';
        RETURN;
    END IF;
    UPDATE domain AS d
       SET former_selectors = d.former_selectors || d.pending_selector,
           pending_selector = NULL, pending_record = NULL, pending_sealed = NULL, pending_since = NULL
     WHERE d.account_id = p_account_id AND d.domain_id = v_domain.domain_id;
    status := 'ok';
    domain_id := v_domain.domain_id;
    dkim_selector := v_domain.dkim_selector;
    abandoned_selector := v_domain.pending_selector;
END
$$;
