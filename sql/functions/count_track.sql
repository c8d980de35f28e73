-- count_track: one open (7) or click (8) more of a recipient: record_tracks stops at some number.
--   p_waits  false: where another transaction has the recipient at this moment it is left out.
--            Deliveries are recorded in another order than opens, so that each could wait
--            for the other
CREATE FUNCTION emailgw_api.count_track(p_account_id bigint, p_message_id uuid, p_recipient_no smallint, p_type integer,
                                        p_waits boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF NOT p_waits THEN
        PERFORM FROM emailgw.recipient AS r
          WHERE r.account_id = p_account_id AND r.message_id = p_message_id AND r.recipient_no = p_recipient_no
            FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;
    UPDATE emailgw.recipient AS r
       SET opens = CASE p_type WHEN 7 THEN coalesce(r.opens, 0) + 1 ELSE r.opens END,
           clicks = CASE p_type WHEN 8 THEN coalesce(r.clicks, 0) + 1 ELSE r.clicks END
     WHERE r.account_id = p_account_id AND r.message_id = p_message_id AND r.recipient_no = p_recipient_no;
END
$$;
