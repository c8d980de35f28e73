-- finish_returned: what a mail of claim_returned says, recorded, and the mail
-- dropped, in one transaction: whenever a sender dies, either both have happened or
-- the mail comes due again.
--   p_account_id .. p_lease  which mail, as it was claimed
--   p_kind, p_emails, p_details  as record_returned has them
-- status is as of record_returned; early puts the mail off for a moment, for a few
-- seconds at most. fenced: the lease was not the caller's any more, nothing was done.
CREATE FUNCTION emailgw_api.finish_returned(p_account_id bigint, p_message_id uuid, p_recipient_no integer, p_digest bytea,
                                            p_lease text, p_kind text, p_emails text[], p_details jsonb[],
                                            OUT status text, OUT email text, OUT detail jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    c_settled CONSTANT interval := '5 seconds'; -- after which a sender's own record is not waited for
    v_place tid;
    v_host text;
    v_came_at timestamptz;
BEGIN
    SELECT q.ctid, q.host, q.came_at INTO v_place, v_host, v_came_at
      FROM returned_queue AS q
     WHERE q.account_id = p_account_id AND q.message_id = p_message_id AND q.recipient_no = p_recipient_no
       AND q.digest = p_digest AND q.due_at = p_lease::timestamptz AND q.set_aside_at IS NULL
       FOR UPDATE;
    IF NOT FOUND THEN
        status := 'fenced';
        RETURN;
    END IF;
    SELECT r.status, r.email, r.detail INTO status, email, detail
      FROM emailgw_api.record_returned(p_account_id, p_message_id, p_recipient_no, v_host, p_kind, p_emails, p_details,
                                       v_came_at <= now() - c_settled) AS r;
    IF status = 'early' THEN
        UPDATE returned_queue AS q SET due_at = now() + interval '200 milliseconds', attempts = q.attempts - 1
         WHERE q.ctid = v_place;
    ELSE
        DELETE FROM returned_queue AS q WHERE q.ctid = v_place;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.finish_returned TO emailgw_sender;
