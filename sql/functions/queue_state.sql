-- queue_state: what a queue row is doing, in a word. A leased row waits for the
-- end of its lease, a deferred one for its next try: leased tells them apart.
CREATE FUNCTION emailgw_api.queue_state(p_row emailgw.queue)
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN (p_row).ready OR (p_row).next_at <= now() THEN 'ready'
                WHEN (p_row).leased THEN 'sending'
                WHEN (p_row).attempt = 0 THEN 'scheduled'
                ELSE 'deferred' END
$$;
