-- wake_webhooks: wake_queue for what is to be posted.
CREATE FUNCTION emailgw_api.wake_webhooks(p_limit integer)
RETURNS void
LANGUAGE sql VOLATILE
AS $$
    UPDATE emailgw.webhook_queue AS q
       SET ready = true
     WHERE q.ctid = ANY (ARRAY(SELECT w.ctid FROM emailgw.webhook_queue AS w
                                WHERE NOT w.ready AND w.next_at <= now()
                                ORDER BY w.next_at
                                LIMIT p_limit
                                  FOR UPDATE SKIP LOCKED))
$$;
