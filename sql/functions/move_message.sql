-- move_message: another SendAt for a message, as long as all of it waits for its first attempt.
--   p_send_at  NULL is at once
-- status is that of find_message, or 409 where a recipient has an end, an attempt behind
-- it, is in a sender's hand, or was cut off (cut_off_queue): nothing has changed then.
CREATE FUNCTION emailgw_api.move_message(p_account_id bigint, p_key_hash bytea, p_message_id uuid, p_send_at timestamptz,
                                         OUT status integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    v_domain_id bigint;
    v_waiting integer;
BEGIN
    SELECT f.status, f.domain_id INTO status, v_domain_id
      FROM emailgw_api.find_message(p_account_id, p_key_hash, 'send', p_message_id) AS f;
    IF status <> 0 THEN
        RETURN;
    END IF;
    SELECT count(*) INTO v_waiting
      FROM (SELECT q.leased, q.epoch FROM queue AS q
             WHERE q.account_id = p_account_id AND q.message_id = p_message_id
             ORDER BY q.recipient_no FOR UPDATE) AS w
     WHERE NOT w.leased
       AND w.epoch = (SELECT d.queue_epoch FROM domain AS d WHERE d.account_id = p_account_id AND d.domain_id = v_domain_id);
    IF v_waiting < (SELECT count(*) FROM recipient AS r WHERE r.account_id = p_account_id AND r.message_id = p_message_id)
       OR EXISTS (SELECT FROM recipient AS r
                   WHERE r.account_id = p_account_id AND r.message_id = p_message_id AND r.attempts > 0) THEN
        status := 409;
        RETURN;
    END IF;
    UPDATE message AS m SET send_at = p_send_at
     WHERE m.account_id = p_account_id AND m.message_id = p_message_id;
    -- Its lifetime begins with the attempt that is to come: a sender may have had it and given it back.
    UPDATE queue AS q
       SET ready = p_send_at IS NULL OR p_send_at <= now(), next_at = coalesce(p_send_at, now()), first_attempt_at = NULL
     WHERE q.account_id = p_account_id AND q.message_id = p_message_id;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.move_message TO emailgw_module;
