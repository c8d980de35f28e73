-- cut_off_queue: nothing that a domain has queued so far is claimed from the
-- commit on. What is leased finishes; the rest is for sweep_cancelled. Takes as
-- long for one mail as for a million.
-- The caller has locked the domain's row.
CREATE FUNCTION emailgw_api.cut_off_queue(p_account_id bigint, p_domain_id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    INSERT INTO emailgw.queue_cutoff AS c (account_id, domain_id) VALUES (p_account_id, p_domain_id)
    ON CONFLICT (account_id, domain_id) DO UPDATE SET cut_at = now(), look_at = now();
    -- A claim that has begun may not know of it: wait for that, and let none begin until the commit.
    PERFORM pg_advisory_xact_lock(hashtext('emailgw claim'));
    UPDATE emailgw.domain AS d SET queue_epoch = d.queue_epoch + 1
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id;
END
$$;
