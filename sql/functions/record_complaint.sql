-- record_complaint: a recipient says that a mail is spam: its event and webhook
-- posts, the counters, and the address on the account's suppression list.
--   p_detail  what the event says, or NULL
-- Once for a recipient, whoever tells and however often. Was it the first time?
CREATE FUNCTION emailgw_api.record_complaint(p_account_id bigint, p_message_id uuid, p_recipient_no integer,
                                             p_detail jsonb)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    c_type CONSTANT integer := 10;
    v_email text;
    v_domain_id bigint;
    v_event_id CONSTANT uuid := uuid7(now());
BEGIN
    UPDATE recipient AS r SET complained_at = now()
     WHERE r.account_id = p_account_id AND r.message_id = p_message_id AND r.recipient_no = p_recipient_no
       AND r.complained_at IS NULL AND r.email <> erased_address()
    RETURNING r.email INTO v_email;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT m.domain_id INTO STRICT v_domain_id
      FROM message AS m WHERE m.account_id = p_account_id AND m.message_id = p_message_id;

    INSERT INTO event (account_id, domain_id, event_id, type, at, message_id, recipient_no, email, detail)
    VALUES (p_account_id, v_domain_id, v_event_id, c_type, now(), p_message_id, p_recipient_no, v_email, p_detail);
    PERFORM emailgw_api.count_events(ARRAY[p_account_id], ARRAY[v_domain_id], ARRAY[c_type], ARRAY[now()],
                                     ARRAY[p_message_id]);
    PERFORM emailgw_api.queue_webhooks(ARRAY[p_account_id], ARRAY[v_domain_id], ARRAY[c_type], ARRAY[v_event_id],
                                       ARRAY[p_message_id]);
    PERFORM emailgw_api.add_suppressions('complaint', ARRAY[p_account_id], ARRAY[v_email], ARRAY[p_message_id],
                                         ARRAY[NULL::text]);
    RETURN true;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.record_complaint TO emailgw_sender;
