-- wake_webhooks: makes ready what has waited long enough for its next try. At
-- most p_limit rows, locked in this very statement.
CREATE FUNCTION emailgw_api.wake_webhooks(p_limit integer)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    UPDATE emailgw.webhook_queue AS q
       SET ready = true
     WHERE q.ctid = ANY (ARRAY(SELECT w.ctid FROM emailgw.webhook_queue AS w
                                WHERE NOT w.ready AND w.next_at <= now()
                                ORDER BY w.next_at
                                LIMIT p_limit
                                  FOR UPDATE SKIP LOCKED));
END
$$;
