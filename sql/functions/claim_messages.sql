-- claim_messages: leases up to p_limit recipients that are due.
--   p_lease_seconds  how long they are the caller's; then they come due again
--   p_after          the account that was served last: the next ones come first
-- attempt is the fence: record_attempts takes a result for no other. age_us is
-- the time since the first attempt, which is what a mail's lifetime is counted from.
-- Fair by rounds: the next accounts get equal parts of the limit, each takes it
-- from its lanes (destinations) in equal parts, beginning at a random one. What
-- is not due is in none of the indexes walked here, and each step is one index
-- probe, so the cost goes with what is claimed, not with what waits.
CREATE FUNCTION emailgw_api.claim_messages(p_limit integer, p_lease_seconds integer, p_after bigint)
RETURNS TABLE (account_id bigint, message_id uuid, recipient_no integer, attempt integer, email text,
               domain_id bigint, size_bytes integer, age_us bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    c_accounts CONSTANT integer := 32; -- served by one claim at most
    c_wake CONSTANT integer := 1000; -- more than are claimed: one account's heap must not hold up others
    v_accounts bigint[];
    v_account bigint;
    v_lanes integer[];
    v_share integer;
    v_taken tid[] := '{}';
BEGIN
    PERFORM emailgw_api.wake_queue(greatest(p_limit, c_wake));

    v_accounts := emailgw_api.next_accounts(p_after, c_accounts);
    FOREACH v_account IN ARRAY v_accounts LOOP
        v_share := ceil((p_limit - cardinality(v_taken))::numeric
                        / (cardinality(v_accounts) - array_position(v_accounts, v_account) + 1));
        EXIT WHEN v_share <= 0;
        v_lanes := emailgw_api.next_lanes(v_account, v_share);
        CONTINUE WHEN cardinality(v_lanes) = 0;
        v_taken := v_taken || ARRAY(
            SELECT r.ctid
              FROM unnest(v_lanes) AS l (lane)
             CROSS JOIN LATERAL (SELECT q.ctid FROM queue AS q
                                  WHERE q.account_id = v_account AND q.lane = l.lane AND q.ready
                                  ORDER BY q.next_at
                                  LIMIT ceil(v_share::numeric / cardinality(v_lanes))
                                    FOR UPDATE SKIP LOCKED) AS r
             LIMIT v_share);
    END LOOP;

    RETURN QUERY
    UPDATE queue AS q
       SET ready = false, leased = true, next_at = now() + make_interval(secs => p_lease_seconds), attempt = q.attempt + 1,
           first_attempt_at = coalesce(q.first_attempt_at, now())
     WHERE q.ctid = ANY (v_taken)
    RETURNING q.account_id, q.message_id, q.recipient_no::integer, q.attempt::integer, q.email, q.domain_id,
              q.size_bytes, (extract(epoch FROM now() - q.first_attempt_at) * 1000000)::bigint;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.claim_messages TO emailgw_sender;
