-- cancel_message: what of a message waits is not sent any more: each such recipient
-- ends here as cancelled, with its event. What a sender has in hand is left to it, also
-- after the end of its lease: it may have been delivered.
--   p_key_hash  see find_message
-- One row always. status is that of find_message; cancelled, in_flight and finished are
-- recipients: those that end here, those in hand, and those that had an end before.
-- A second time cancelled is 0, and nothing is written.
CREATE FUNCTION emailgw_api.cancel_message(p_account_id bigint, p_key_hash bytea, p_message_id uuid,
                                           OUT status integer, OUT cancelled integer, OUT in_flight integer,
                                           OUT finished integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    v_waiting record;
BEGIN
    SELECT f.status INTO status FROM emailgw_api.find_message(p_account_id, p_key_hash, 'send', p_message_id) AS f;
    IF status <> 0 THEN
        RETURN;
    END IF;
    -- Locked in the order of record_attempts. One that is claimed at this moment is waited for, and is in hand then.
    SELECT array_agg(w.recipient_no) AS nos, array_agg(w.attempt) AS attempts, count(*)::integer AS count INTO v_waiting
      FROM (SELECT q.recipient_no, q.attempt FROM queue AS q
             WHERE q.account_id = p_account_id AND q.message_id = p_message_id AND NOT q.leased
             ORDER BY q.recipient_no FOR UPDATE) AS w;
    cancelled := 0;
    IF v_waiting.count > 0 THEN
        SELECT r.recorded INTO cancelled
          FROM emailgw_api.record_attempts(array_fill(p_account_id, ARRAY[v_waiting.count]),
               array_fill(p_message_id, ARRAY[v_waiting.count]), v_waiting.nos, v_waiting.attempts,
               array_fill('cancelled'::text, ARRAY[v_waiting.count]),
               array_fill(0::double precision, ARRAY[v_waiting.count]), array_fill(NULL::jsonb, ARRAY[v_waiting.count])) AS r;
    END IF;
    SELECT count(*) FILTER (WHERE r.status = 'queued'), count(*) FILTER (WHERE r.status <> 'queued') - cancelled
      INTO in_flight, finished
      FROM recipient AS r
     WHERE r.account_id = p_account_id AND r.message_id = p_message_id;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.cancel_message TO emailgw_module;
