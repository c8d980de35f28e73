-- claim_returned: leases up to p_limit mails that came back, those first that are
-- due for the longest time.
--   p_lease_seconds  how long they are the caller's; then they come due again
-- lease is the fence: finish_returned takes a result for no other. A mail whose
-- lease has ended before, because its sender died or could not record it, is handed out
-- alone, so that it takes no other along; after c_attempts it is set aside: then mail
-- and lease are NULL, for the caller to tell of it.
CREATE FUNCTION emailgw_api.claim_returned(p_limit integer, p_lease_seconds integer)
RETURNS TABLE (account_id bigint, message_id uuid, recipient_no integer, digest bytea, lease text, mail bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    c_attempts CONSTANT integer := 5;
    c_bytes CONSTANT bigint := 16777216; -- of a batch, but for its first mail
BEGIN
    RETURN QUERY
    WITH hopeless AS (
        SELECT q.account_id, q.message_id, q.recipient_no, q.digest
          FROM returned_queue AS q
         WHERE q.set_aside_at IS NULL AND q.due_at <= now() AND q.attempts >= c_attempts
         ORDER BY q.due_at
         LIMIT p_limit
           FOR UPDATE SKIP LOCKED
    )
    UPDATE returned_queue AS q SET set_aside_at = now()
      FROM hopeless AS h
     WHERE q.account_id = h.account_id AND q.message_id = h.message_id AND q.recipient_no = h.recipient_no
       AND q.digest = h.digest
    RETURNING q.account_id, q.message_id, q.recipient_no, q.digest, NULL::text, NULL::bytea;

    RETURN QUERY
    WITH due AS (
        SELECT q.account_id, q.message_id, q.recipient_no, q.digest, q.due_at, q.attempts, octet_length(q.mail) AS size
          FROM returned_queue AS q
         WHERE q.set_aside_at IS NULL AND q.due_at <= now() AND q.attempts < c_attempts
         ORDER BY q.due_at
         LIMIT p_limit
           FOR UPDATE SKIP LOCKED
    ), ranked AS (
        SELECT d.*, row_number() OVER sofar AS n, sum(d.size) OVER sofar AS bytes, max(d.attempts) OVER sofar AS attempted
          FROM due AS d
        WINDOW sofar AS (ORDER BY d.due_at, d.account_id, d.message_id, d.recipient_no, d.digest)
    )
    UPDATE returned_queue AS q
       SET due_at = clock_timestamp() + make_interval(secs => p_lease_seconds), attempts = q.attempts + 1,
           problem = NULL
      FROM ranked AS r
     WHERE q.account_id = r.account_id AND q.message_id = r.message_id AND q.recipient_no = r.recipient_no
       AND q.digest = r.digest AND (r.n = 1 OR r.attempted = 0 AND r.bytes <= c_bytes)
    RETURNING q.account_id, q.message_id, q.recipient_no, q.digest, q.due_at::text, q.mail;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.claim_returned TO emailgw_sender;
