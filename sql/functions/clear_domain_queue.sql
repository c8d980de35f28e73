-- clear_domain_queue: takes out of the queue what a domain has in it: see cut_off_queue.
-- known is false where the account has no such domain. mails is how many waited
-- just before, and how many mails to lists were not made yet; those that a sender has in
-- hand are not among them, whether they are still delivered or not.
CREATE FUNCTION emailgw_api.clear_domain_queue(p_account_id bigint, p_domain_id bigint,
                                               OUT known boolean, OUT mails bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET lock_timeout = '1s' -- while it waits for a claim, no other claim begins
AS $$
BEGIN
    mails := 0;
    PERFORM FROM domain AS d
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL
       FOR NO KEY UPDATE;
    known := FOUND;
    IF known THEN
        mails := emailgw_api.queued_mails(p_account_id, p_domain_id) -- while claims go on
                 + emailgw_api.unmade_mails(p_account_id, p_domain_id);
        PERFORM emailgw_api.cut_off_queue(p_account_id, p_domain_id);
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.clear_domain_queue TO emailgw_module;
