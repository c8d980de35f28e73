-- first_event: is this the first open (7), click (8) or unsubscribe (9) of a recipient?
-- It is told so once, whoever asks at the same time.
CREATE FUNCTION emailgw_api.first_event(p_account_id bigint, p_message_id uuid, p_recipient_no smallint, p_type integer,
                                        p_at timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    UPDATE emailgw.recipient AS r
       SET opened_at = CASE p_type WHEN 7 THEN p_at ELSE r.opened_at END,
           clicked_at = CASE p_type WHEN 8 THEN p_at ELSE r.clicked_at END,
           unsubscribed_at = CASE p_type WHEN 9 THEN p_at ELSE r.unsubscribed_at END
     WHERE r.account_id = p_account_id AND r.message_id = p_message_id AND r.recipient_no = p_recipient_no
       AND CASE p_type WHEN 7 THEN r.opened_at IS NULL WHEN 8 THEN r.clicked_at IS NULL
                       WHEN 9 THEN r.unsubscribed_at IS NULL ELSE false END;
    RETURN FOUND;
END
$$;
