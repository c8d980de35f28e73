-- ctl_returned_drop: a mail that was set aside is gone, and nothing told of it; with
-- NULL all of them.
CREATE FUNCTION emailgw_api.ctl_returned_drop(p_returned_id bigint, OUT status text, OUT mails bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
BEGIN
    DELETE FROM returned_queue AS q
     WHERE q.set_aside_at IS NOT NULL AND (p_returned_id IS NULL OR q.returned_id = p_returned_id);
    GET DIAGNOSTICS mails = ROW_COUNT;
    status := emailgw_api.ctl_returned_answer(p_returned_id, mails);
END
$$;
