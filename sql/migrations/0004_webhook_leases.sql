-- A lease of a webhook post touches no index: its row stays where it is, and
-- says how long somebody has it. An update that no index has to know of costs a
-- third of one that moves the row from index to index, and leaves nothing to
-- vacuum but its own page.

SET LOCAL search_path = emailgw, pg_temp;

ALTER TABLE webhook_queue
    ADD COLUMN leased_until timestamptz NOT NULL DEFAULT '-infinity'; -- -infinity: nobody has it
UPDATE webhook_queue SET ready = true, leased_until = next_at WHERE leased;
ALTER TABLE webhook_queue DROP COLUMN leased;

-- Room for a second version of every row of a page: without it, it would have to
-- go to another page and into all indexes.
ALTER TABLE webhook_queue SET (fillfactor = 45);

COMMENT ON COLUMN webhook_queue.ready IS 'it may be claimed, unless it is leased; else it waits for next_at, its next try';
