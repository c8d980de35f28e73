-- ctl_domain_rotate_finish: from now on a domain's mail is signed with its pending
-- DKIM key, whose record has been found in DNS. Senders see another selector with
-- the next contents that they read, and who looks the domain's records up just now
-- has looked at former ones.
--   p_selector  of the key that was found: another pending one is left alone
-- former_selector is that of the key that was replaced.
CREATE FUNCTION emailgw_api.ctl_domain_rotate_finish(p_account_id bigint, p_name text, p_selector text,
                                                     OUT status text, OUT domain_id bigint,
                                                     OUT dkim_selector text, OUT former_selector text)
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
    IF (v_domain.pending_selector = p_selector) IS NOT TRUE THEN
        status := 'the pending key is no longer the one that was looked up';
        RETURN;
    END IF;
    UPDATE domain AS d
       SET dkim_selector = d.pending_selector, dkim_record = d.pending_record, dkim_sealed = d.pending_sealed,
           pending_selector = NULL, pending_record = NULL, pending_sealed = NULL, pending_since = NULL,
           former_selectors = d.former_selectors || d.dkim_selector, records_version = d.records_version + 1
     WHERE d.account_id = p_account_id AND d.domain_id = v_domain.domain_id;
    PERFORM emailgw_api.note_records(p_account_id, v_domain.domain_id, '{DKIM}', '{}');
    status := 'ok';
    domain_id := v_domain.domain_id;
    dkim_selector := v_domain.pending_selector;
    former_selector := v_domain.dkim_selector;
END
$$;
