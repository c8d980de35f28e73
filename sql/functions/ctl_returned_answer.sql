-- ctl_returned_answer: the status of what was done to so many mails that were set aside:
-- to one of them, or to all with NULL.
CREATE FUNCTION emailgw_api.ctl_returned_answer(p_returned_id bigint, p_mails bigint) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT CASE WHEN p_mails > 0 OR p_returned_id IS NULL THEN 'ok'
                WHEN EXISTS (SELECT FROM returned_queue AS q WHERE q.returned_id = p_returned_id)
                    THEN 'not set aside: it waits for a sender, or one has it in hand'
                ELSE 'unknown mail' END
$$;
