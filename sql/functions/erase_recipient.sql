-- erase_recipient: a recipient who is erased, with all events, and what is stored of the mail. What is
-- queued is only cancelled: then cancelled says so, and the caller commits soon, and looks at the
-- same once more, since all workers count in the rows that it holds now. waiting says that a sender
-- has it in hand, or that the rows are in use: then nothing is done, and it is to be looked at
-- again later. Nothing else here waits for others, so that none of them waits for this in a circle.
--   p_asked_by, p_erasure_id  whose erasure it is
--   p_spellings  of the address, folded, first as it is stored
--   p_pattern    address_pattern of them
CREATE FUNCTION emailgw_api.erase_recipient(p_asked_by bigint, p_erasure_id bigint, p_account_id bigint, p_message_id uuid,
                                            p_recipient_no smallint, p_spellings text[], p_pattern text,
                                            OUT waiting boolean, OUT cancelled boolean, OUT counts jsonb)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_queued record;
    v_recorded integer;
    v_events bigint;
BEGIN
    counts := '{}';
    waiting := false;
    cancelled := false;
    IF NOT EXISTS (SELECT FROM emailgw.recipient AS r
                    WHERE r.account_id = p_account_id AND r.message_id = p_message_id
                      AND r.recipient_no = p_recipient_no AND emailgw.fold_address(r.email) = p_spellings[1]) THEN
        RETURN;
    END IF;
    SELECT q.attempt, q.leased INTO v_queued FROM emailgw.queue AS q
     WHERE q.account_id = p_account_id AND q.message_id = p_message_id AND q.recipient_no = p_recipient_no
       FOR UPDATE SKIP LOCKED;
    waiting := coalesce(v_queued.leased,
                        EXISTS (SELECT FROM emailgw.queue AS q
                                 WHERE q.account_id = p_account_id AND q.message_id = p_message_id
                                   AND q.recipient_no = p_recipient_no));
    IF NOT waiting THEN
        PERFORM FROM emailgw.recipient AS r
          WHERE r.account_id = p_account_id AND r.message_id = p_message_id AND r.recipient_no = p_recipient_no
            FOR NO KEY UPDATE SKIP LOCKED;
        waiting := NOT FOUND;
    END IF;
    IF waiting THEN
        RETURN;
    END IF;
    IF v_queued.attempt IS NOT NULL THEN
        SELECT r.recorded INTO v_recorded
          FROM emailgw_api.record_attempts(ARRAY[p_account_id], ARRAY[p_message_id], ARRAY[p_recipient_no],
                                           ARRAY[v_queued.attempt], '{cancelled}', '{0}', ARRAY[NULL::jsonb]) AS r;
        UPDATE emailgw.event AS e SET email = emailgw.erased_address() -- what webhooks tell of it is not who it was
         WHERE e.account_id = p_account_id AND e.message_id = p_message_id AND e.recipient_no = p_recipient_no
           AND e.type = 6;
        cancelled := true;
        counts := jsonb_build_object('cancelled', v_recorded);
        RETURN;
    END IF;
    UPDATE emailgw.recipient AS r SET email = emailgw.erased_address()
     WHERE r.account_id = p_account_id AND r.message_id = p_message_id AND r.recipient_no = p_recipient_no;
    UPDATE emailgw.event AS e SET email = emailgw.erased_address(), detail = emailgw_api.erased_detail(e.detail)
     WHERE e.account_id = p_account_id AND e.message_id = p_message_id AND e.recipient_no = p_recipient_no;
    GET DIAGNOSTICS v_events = ROW_COUNT;
    counts := emailgw_api.add_counts(jsonb_build_object('recipients', 1, 'events', v_events),
                                     emailgw_api.erase_mail(p_asked_by, p_erasure_id, p_account_id, p_message_id,
                                                            p_spellings, p_pattern));
END
$$;
