-- ctl_queue_list: what is still to be sent, by when it comes due; of one account
-- or of all with NULL. state: ready, sending (leased to a sender), scheduled,
-- deferred, cancelled (cut off: it will not be sent, and is about to go).
CREATE FUNCTION emailgw_api.ctl_queue_list(p_account_id bigint, p_limit integer)
RETURNS TABLE (account_id bigint, username text, message_id uuid, recipient_no integer, email text, domain text,
               attempt integer, next_at timestamptz, queued_at timestamptz, state text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT q.account_id, a.username, q.message_id, q.recipient_no::integer, q.email, d.name, q.attempt::integer,
           q.next_at, q.queued_at,
           CASE WHEN q.epoch < d.queue_epoch AND emailgw_api.queue_state(q) <> 'sending' THEN 'cancelled'
                ELSE emailgw_api.queue_state(q) END
      FROM queue AS q
      JOIN account AS a ON a.account_id = q.account_id
      JOIN domain AS d ON d.account_id = q.account_id AND d.domain_id = q.domain_id
     WHERE p_account_id IS NULL OR q.account_id = p_account_id
     ORDER BY q.next_at, q.account_id, q.message_id, q.recipient_no
     LIMIT p_limit
$$;
