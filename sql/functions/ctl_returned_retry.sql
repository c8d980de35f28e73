-- ctl_returned_retry: senders take a mail again that was set aside, with all its
-- attempts; with NULL all of them.
CREATE FUNCTION emailgw_api.ctl_returned_retry(p_returned_id bigint, OUT status text, OUT mails bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
BEGIN
    UPDATE returned_queue AS q SET set_aside_at = NULL, due_at = now(), attempts = 0, problem = NULL
     WHERE q.set_aside_at IS NOT NULL AND (p_returned_id IS NULL OR q.returned_id = p_returned_id);
    GET DIAGNOSTICS mails = ROW_COUNT;
    status := emailgw_api.ctl_returned_answer(p_returned_id, mails);
END
$$;
