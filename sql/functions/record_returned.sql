-- record_returned: a mail came back to a return path: a bounce's event and webhook
-- posts, the counters, the address on the account's suppression list; a complaint
-- as record_complaint does it. Of whom, the return path alone tells.
--   p_host     the domain of the return path
--   p_kind     bounce | complaint; any other: nothing is recorded
--   p_emails   of a bounce: whom its reports name, one element a name, empty where
--              it is not told: the first counts where none names the recipient
--   p_details  what the event says, as in record_attempts; of a complaint one
--   p_settled  also where the sender is still at work on the mail
-- status is
--   unknown    p_host is not where return paths of this mail's domain lead (return_path_state)
--   gone       the mail is no longer stored, or its recipient was erased: who it was to is not known any more
--   early      a sender has the mail in hand: that it was taken is yet to be recorded
--   recorded   detail is what the event says
--   again      it has bounced, or was complained of, before
--   ignored    p_kind, or that recipient never got the mail
CREATE FUNCTION emailgw_api.record_returned(p_account_id bigint, p_message_id uuid, p_recipient_no integer, p_host text,
                                            p_kind text, p_emails text[], p_details jsonb[], p_settled boolean,
                                            OUT status text, OUT email text, OUT detail jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    c_type CONSTANT integer := 4;
    v_mail record;
    v_event_id CONSTANT uuid := uuid7(now());
BEGIN
    status := emailgw_api.return_path_state(p_account_id, p_message_id, p_recipient_no, p_host);
    IF status <> 'known' THEN
        RETURN;
    END IF;
    SELECT r.email, r.status::text AS ended, r.returned_at, m.domain_id,
           EXISTS (SELECT FROM queue AS q
                    WHERE q.account_id = r.account_id AND q.message_id = r.message_id
                      AND q.recipient_no = r.recipient_no AND q.leased) AS in_hand
      INTO v_mail
      FROM recipient AS r
      JOIN message AS m ON m.account_id = r.account_id AND m.message_id = r.message_id
     WHERE r.account_id = p_account_id AND r.message_id = p_message_id AND r.recipient_no = p_recipient_no
       AND m.message_id = p_message_id
       FOR NO KEY UPDATE OF r;
    email := v_mail.email;
    status := CASE WHEN v_mail.email IS NULL OR v_mail.email = erased_address() THEN 'gone'
                   WHEN p_kind NOT IN ('bounce', 'complaint') OR v_mail.ended IN ('suppressed', 'cancelled') THEN 'ignored'
                   WHEN p_kind = 'bounce' AND (v_mail.returned_at IS NOT NULL OR v_mail.ended IN ('bounced', 'expired')) THEN 'again'
                   WHEN v_mail.in_hand AND NOT p_settled THEN 'early'
                   ELSE 'recorded' END;
    IF status <> 'recorded' THEN
        RETURN;
    END IF;
    IF p_kind = 'complaint' THEN
        detail := p_details[1];
        IF NOT emailgw_api.record_complaint(p_account_id, p_message_id, p_recipient_no, detail) THEN
            status := 'again';
        END IF;
        RETURN;
    END IF;

    SELECT jsonb_build_object('attempt', r.attempts) || t.detail INTO detail
      FROM recipient AS r
     CROSS JOIN unnest(p_emails, p_details) WITH ORDINALITY AS t (email, detail, n)
     WHERE r.account_id = p_account_id AND r.message_id = p_message_id AND r.recipient_no = p_recipient_no
     ORDER BY coalesce(fold_address(t.email) = fold_address(v_mail.email), false) DESC, t.n
     LIMIT 1;
    UPDATE recipient AS r
       SET returned_at = now(), status = CASE r.status WHEN 'delivered' THEN 'bounced' ELSE r.status END
     WHERE r.account_id = p_account_id AND r.message_id = p_message_id AND r.recipient_no = p_recipient_no;
    INSERT INTO event (account_id, domain_id, event_id, type, at, message_id, recipient_no, email, detail)
    VALUES (p_account_id, v_mail.domain_id, v_event_id, c_type, now(), p_message_id, p_recipient_no, v_mail.email, detail);
    PERFORM emailgw_api.count_events(ARRAY[p_account_id], ARRAY[v_mail.domain_id], ARRAY[c_type], ARRAY[now()],
                                     ARRAY[p_message_id]);
    PERFORM emailgw_api.queue_webhooks(ARRAY[p_account_id], ARRAY[v_mail.domain_id], ARRAY[c_type], ARRAY[v_event_id],
                                       ARRAY[p_message_id]);
    IF detail #> '{bounce,suppress}' = 'true' THEN
        PERFORM emailgw_api.add_suppressions('bounce', ARRAY[p_account_id], ARRAY[v_mail.email], ARRAY[p_message_id],
                                             ARRAY[emailgw_api.event_reason(detail)]);
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.record_returned TO emailgw_sender;
