-- claim_list_job: leases the list job whose turn it is, for one batch. Domains take turns, and
-- within each its jobs: many jobs of one, whether they can go on or not, keep no other domain waiting.
--   p_lease_seconds  how long it is the caller's; then it comes due again
--   p_batch  subscribers of a batch
--   p_ahead  mails that a domain may have ready before more of a list are put there: others of
--            the same domain need not wait behind a whole list
-- No row where none is due. batch is how many subscribers to take, by what is left of the
-- account's limits and of p_ahead; turn is the fence: store_list_batch takes no other.
-- A domain whose jobs cannot go on is passed over, and comes again when that may have changed;
-- jobs that never will are ended. Nothing here waits for a lock.
CREATE FUNCTION emailgw_api.claim_list_job(p_lease_seconds integer, p_batch integer, p_ahead integer)
RETURNS TABLE (account_id bigint, job_id uuid, turn integer, list_id bigint, domain_id bigint, after_id bigint,
               until_id bigint, passed integer, attached_bytes integer, subject text, html text, plain text, data json,
               batch integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    c_looks CONSTANT integer := 32; -- at domains, and at jobs that are ended
    c_patience CONSTANT interval := '1 minute'; -- limits may be raised, domains enabled
    c_pause CONSTANT interval := '200 ms'; -- one that stayed due would be looked at again and again
    v_lane list_lane;
    v_job list_job;
    v_fate text;
    v_room record;
BEGIN
    FOR v_look IN 1 .. c_looks LOOP
        SELECT l.* INTO v_lane FROM list_lane AS l
         WHERE l.next_at <= now() ORDER BY l.next_at LIMIT 1 FOR UPDATE SKIP LOCKED;
        EXIT WHEN NOT FOUND;
        SELECT j.* INTO v_job FROM list_job AS j
         WHERE j.account_id = v_lane.account_id AND j.domain_id = v_lane.domain_id AND j.status = 'open'
           AND j.next_at <= now()
         ORDER BY j.next_at LIMIT 1 FOR UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            PERFORM emailgw_api.rest_list_lane(v_lane.account_id, v_lane.domain_id);
            CONTINUE;
        END IF;
        v_lane.next_at := now(); -- behind all others that are due
        v_lane.waits := NULL;
        v_fate := emailgw_api.list_job_fate(v_job.account_id, v_job.domain_id, v_job.queue_epoch, v_job.list_id);
        IF v_fate = 'cancelled' THEN
            PERFORM emailgw_api.end_list_job(v_job.account_id, v_job.job_id, 'cancelled');
        ELSIF v_fate = 'inactive' THEN
            v_lane.next_at := now() + c_patience;
        ELSE
            SELECT * INTO v_room
              FROM emailgw_api.list_job_room(v_job.account_id, v_job.domain_id, v_job.queue_epoch, p_ahead);
            IF v_room.mails <= 0 THEN
                v_lane.next_at := greatest(least(v_room.wait_until, now() + c_patience), now() + c_pause);
                v_lane.waits := v_room.waits;
                v_fate := 'waiting';
            END IF;
        END IF;
        UPDATE list_lane AS l SET next_at = v_lane.next_at, waits = v_lane.waits
         WHERE l.account_id = v_lane.account_id AND l.domain_id = v_lane.domain_id;
        CONTINUE WHEN v_fate <> 'open';
        RETURN QUERY
        UPDATE list_job AS j
           SET next_at = now() + make_interval(secs => p_lease_seconds), turn = j.turn + 1, waits = NULL
         WHERE j.account_id = v_job.account_id AND j.job_id = v_job.job_id
        RETURNING j.account_id, j.job_id, j.turn, j.list_id, j.domain_id, j.after_id, j.until_id, j.passed,
                  j.attached_bytes, j.subject, j.html, j.plain, j.data, least(p_batch, v_room.mails)::integer;
        RETURN;
    END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.claim_list_job TO emailgw_sender;
