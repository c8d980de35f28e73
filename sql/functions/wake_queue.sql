-- wake_queue: makes ready what has waited long enough: SendAt has come, the next
-- try is due, a lease is over. At most p_limit rows. leased stays: its owner may
-- still be first to tell how the attempt ended. By ctid, locked in this very
-- statement: a join might read the whole queue.
CREATE FUNCTION emailgw_api.wake_queue(p_limit integer)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    UPDATE emailgw.queue AS q
       SET ready = true
     WHERE q.ctid = ANY (ARRAY(SELECT w.ctid FROM emailgw.queue AS w
                                WHERE NOT w.ready AND w.next_at <= now()
                                ORDER BY w.next_at
                                LIMIT p_limit
                                  FOR UPDATE SKIP LOCKED));
END
$$;
