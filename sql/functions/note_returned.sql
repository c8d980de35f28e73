-- note_returned: why the sender that has a mail of claim_returned could not record it,
-- for the operator. The mail comes due again when its lease ends.
--   p_account_id .. p_lease  which mail, as it was claimed; nothing is done where the
--                            lease is not the caller's any more
CREATE FUNCTION emailgw_api.note_returned(p_account_id bigint, p_message_id uuid, p_recipient_no integer, p_digest bytea,
                                          p_lease text, p_problem text)
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    UPDATE returned_queue AS q SET problem = p_problem
     WHERE q.account_id = p_account_id AND q.message_id = p_message_id AND q.recipient_no = p_recipient_no
       AND q.digest = p_digest AND q.due_at = p_lease::timestamptz AND q.set_aside_at IS NULL
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.note_returned TO emailgw_sender;
