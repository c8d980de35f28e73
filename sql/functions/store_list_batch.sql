-- store_list_batch: the mails of one batch of a list job and how far the job has come by it, in one
-- transaction: whoever dies in between, each subscriber is done once.
--   p_turn  as claim_list_job gave it; any other is a batch that somebody else has done since
--   p_after_id, p_passed  the last subscriber and the last mail's number
--   p_suppressed, p_failed  how many of the batch got none
--   p_last  no subscriber is left
-- 'stored', 'late' for another turn, 'limit' where the account's limits were used up meanwhile:
-- nothing is stored then, and the job comes again.
CREATE FUNCTION emailgw_api.store_list_batch(p_account_id bigint, p_job_id uuid, p_turn integer, p_after_id bigint,
                                             p_passed integer, p_suppressed integer, p_failed integer, p_last boolean,
                                             p_mails jsonb)
RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    v_job list_job;
    v_limits record;
    v_limited boolean;
    v_quota record;
    v_count CONSTANT integer := jsonb_array_length(p_mails);
BEGIN
    SELECT j.* INTO v_job FROM list_job AS j
     WHERE j.account_id = p_account_id AND j.job_id = p_job_id AND j.status = 'open' AND j.turn = p_turn
       FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'late';
    END IF;
    SELECT * INTO v_limits FROM emailgw_api.account_limits(p_account_id);
    v_limited := coalesce(v_limits.sends_per_hour, v_limits.sends_per_day, v_limits.sends_per_month) IS NOT NULL;
    IF v_limited AND v_count > 0 THEN
        SELECT * INTO v_quota FROM emailgw_api.check_quota(p_account_id, v_count, v_limits.sends_per_hour,
                                                           v_limits.sends_per_day, v_limits.sends_per_month, 0);
        IF v_quota.period IS NOT NULL THEN
            UPDATE list_job AS j SET turn = j.turn + 1, next_at = now()
             WHERE j.account_id = p_account_id AND j.job_id = p_job_id;
            RETURN 'limit';
        END IF;
    END IF;
    PERFORM emailgw_api.store_list_mails(v_job, v_limited,
        (SELECT 1 = ANY (d.webhook_events) FROM domain AS d
          WHERE d.account_id = p_account_id AND d.domain_id = v_job.domain_id), p_mails);
    UPDATE list_job AS j
       SET turn = j.turn + 1, next_at = clock_timestamp(), after_id = p_after_id, passed = p_passed,
           suppressed = j.suppressed + p_suppressed, failed = j.failed + p_failed
     WHERE j.account_id = p_account_id AND j.job_id = p_job_id;
    IF p_last THEN
        PERFORM emailgw_api.end_list_job(p_account_id, p_job_id, 'finished');
    END IF;
    RETURN 'stored';
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.store_list_batch TO emailgw_sender;
