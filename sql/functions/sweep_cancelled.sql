-- sweep_cancelled: up to p_limit mails of one domain that were cut off
-- (cut_off_queue) end as cancelled, each with its event. What a sender has in hand
-- is left to it: it comes here when it is not delivered. How many there were.
-- Any number of senders may call it: each takes the domain whose turn it is and
-- no other has. A domain is looked at again at once while there is more, then
-- after a second and ever more rarely, for an accept that began before the cut may
-- commit after it, and a mail come back whose sender has died.
CREATE FUNCTION emailgw_api.sweep_cancelled(p_limit integer)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_cut record;
    v_places tid[];
    v_ended integer := 0;
BEGIN
    SELECT c.account_id, c.domain_id, c.cut_at, d.queue_epoch INTO v_cut
      FROM queue_cutoff AS c
     CROSS JOIN LATERAL (SELECT l.queue_epoch FROM domain AS l
                          WHERE l.account_id = c.account_id AND l.domain_id = c.domain_id OFFSET 0) AS d
     WHERE c.look_at <= now()
     ORDER BY c.look_at
     LIMIT 1
       FOR UPDATE OF c SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;

    v_places := ARRAY(SELECT q.ctid FROM queue AS q
                       WHERE q.ready AND q.account_id = v_cut.account_id AND q.domain_id = v_cut.domain_id
                         AND q.epoch < v_cut.queue_epoch
                       ORDER BY q.account_id, q.domain_id, q.epoch
                       LIMIT p_limit FOR UPDATE SKIP LOCKED);
    v_places := v_places || ARRAY(SELECT q.ctid FROM queue AS q
                                   WHERE NOT q.ready AND NOT q.leased
                                     AND q.account_id = v_cut.account_id AND q.domain_id = v_cut.domain_id
                                     AND q.epoch < v_cut.queue_epoch
                                   ORDER BY q.account_id, q.domain_id, q.epoch
                                   LIMIT p_limit - cardinality(v_places) FOR UPDATE SKIP LOCKED);
    IF cardinality(v_places) > 0 THEN
        SELECT r.recorded INTO v_ended
          FROM (SELECT array_agg(q.account_id) AS account_ids, array_agg(q.message_id) AS message_ids,
                       array_agg(q.recipient_no) AS recipient_nos, array_agg(q.attempt) AS attempts,
                       array_agg('cancelled'::text) AS results, array_agg(0::double precision) AS retry_seconds,
                       array_agg(NULL::jsonb) AS details
                  FROM queue AS q WHERE q.ctid = ANY (v_places)) AS o
         CROSS JOIN LATERAL emailgw_api.record_attempts(o.account_ids, o.message_ids, o.recipient_nos, o.attempts,
                                                        o.results, o.retry_seconds, o.details) AS r;
    END IF;
    IF v_ended = 0 AND v_cut.cut_at < now() - interval '2 days' THEN -- no accept and no lease lives that long
        DELETE FROM queue_cutoff AS c WHERE c.account_id = v_cut.account_id AND c.domain_id = v_cut.domain_id;
        RETURN 0;
    END IF;
    UPDATE queue_cutoff AS c
       SET look_at = CASE WHEN v_ended = p_limit THEN now()
                          ELSE now() + greatest(interval '1 second', (now() - v_cut.cut_at) / 10) END
     WHERE c.account_id = v_cut.account_id AND c.domain_id = v_cut.domain_id;
    RETURN v_ended;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.sweep_cancelled TO emailgw_sender;
