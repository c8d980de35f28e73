-- ctl_returned_list: mails that came back and are not read yet, in the order in which
-- they came.
--   p_set_aside  those that were set aside, alone
--   p_after      those behind this returned_id
-- state: waiting, reading (a sender has it in hand), set aside. reason is why the last
-- attempt to record it came to nothing, where one did; email is whom the mail that came back
-- was sent to.
CREATE FUNCTION emailgw_api.ctl_returned_list(p_set_aside boolean, p_after bigint, p_limit integer)
RETURNS TABLE (returned_id bigint, username text, message_id uuid, email text, state text, came_at timestamptz,
               set_aside_at timestamptz, attempts integer, size_bytes integer, reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT q.returned_id, a.username, q.message_id, r.email,
           CASE WHEN q.set_aside_at IS NOT NULL THEN 'set aside'
                WHEN q.attempts > 0 AND q.due_at > now() AND q.problem IS NULL THEN 'reading'
                ELSE 'waiting' END,
           q.came_at, q.set_aside_at, q.attempts::integer, octet_length(q.mail),
           coalesce(q.problem, CASE WHEN q.set_aside_at IS NOT NULL THEN 'the sender died on it, or the database was away or too slow' END)
      FROM returned_queue AS q
      LEFT JOIN account AS a ON a.account_id = q.account_id
      LEFT JOIN recipient AS r ON r.account_id = q.account_id AND r.message_id = q.message_id
                              AND r.recipient_no = q.recipient_no
     WHERE q.returned_id > p_after AND (q.set_aside_at IS NOT NULL OR NOT p_set_aside)
     ORDER BY q.returned_id
     LIMIT p_limit
$$;
