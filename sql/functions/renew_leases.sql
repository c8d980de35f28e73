-- renew_leases: more time for what its owner still has in hand.
--   p_jobs           [{"account_id", "message_id", "recipient_no", "attempt"}]
--   p_lease_seconds  from now on
-- no is the place in p_jobs, from 1, of each that is still the caller's; the rest
-- are another's by now, or done. A lease that is over and that no one has taken
-- is taken back.
CREATE FUNCTION emailgw_api.renew_leases(p_jobs jsonb, p_lease_seconds integer)
RETURNS TABLE (no integer)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    WITH job AS (
        SELECT j.* FROM ROWS FROM (jsonb_to_recordset(p_jobs)
               AS (account_id bigint, message_id uuid, recipient_no smallint, attempt integer))
               WITH ORDINALITY AS j (account_id, message_id, recipient_no, attempt, no)
    ), owned AS ( -- in the order of record_attempts, so that two callers cannot wait for each other
        SELECT j.account_id, j.message_id, j.recipient_no, j.no
          FROM job AS j
          JOIN queue AS q ON q.account_id = j.account_id AND q.message_id = j.message_id
                         AND q.recipient_no = j.recipient_no AND q.attempt = j.attempt AND q.leased
         ORDER BY j.account_id, j.message_id, j.recipient_no
           FOR UPDATE OF q
    )
    UPDATE queue AS q
       SET ready = false, next_at = now() + make_interval(secs => p_lease_seconds)
      FROM owned AS o
     WHERE q.account_id = o.account_id AND q.message_id = o.message_id AND q.recipient_no = o.recipient_no
    RETURNING o.no::integer
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.renew_leases TO emailgw_sender;
