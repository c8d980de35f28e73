-- claim_messages: leases up to p_limit recipients that are due.
--   p_lease_seconds  how long they are the caller's; then they come due again
--   p_after          the account that was served last: the next ones come first
--   p_held           lanes to pass over: their destinations cannot take anything now
--   p_dead           those of them whose destinations cannot be reached: what has been
--                    due there for over p_lifetime_seconds comes all the same, as
--                    overdue: its time is over
--   p_needs          not looked at: senders that were made before made_for say it
-- attempt is the fence: record_attempts takes a result for no other. tries is how many
-- attempts have ended with a result, which leases that were given back have not. age_us is
-- the time since the first attempt, which is what a mail's lifetime is counted from.
-- Fair by rounds: the next accounts get equal parts of the limit, each takes it
-- from its lanes (a domain's mail to a destination) in equal parts, beginning at a
-- random one. What is not due is in none of the indexes walked here, what was cut
-- off is passed over by whole domains, and each step is one index probe, so the
-- cost goes with what is claimed, not with what waits: whatever the planner
-- thinks of the size of a table that is empty at one moment and long at the next.
CREATE FUNCTION emailgw_api.claim_messages(p_limit integer, p_lease_seconds integer, p_after bigint,
                                           p_held integer[] DEFAULT '{}', p_dead integer[] DEFAULT '{}',
                                           p_lifetime_seconds integer DEFAULT NULL, p_needs integer DEFAULT NULL)
RETURNS TABLE (account_id bigint, message_id uuid, recipient_no integer, attempt integer, tries integer, email text, lane integer,
               domain_id bigint, size_bytes integer, age_us bigint, overdue boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    c_accounts CONSTANT integer := 32; -- served by one claim at most
    c_wake CONSTANT integer := 1000; -- more than are claimed: one account's heap must not hold up others
    v_next record;
    v_share integer;
    v_overdue CONSTANT timestamptz := now() - make_interval(secs => p_lifetime_seconds);
    v_taken tid[] := '{}';
BEGIN
    -- Those who cut off wait for claims that have begun, and later claims see the cut.
    PERFORM pg_advisory_xact_lock_shared(hashtext('emailgw claim'));
    PERFORM emailgw_api.wake_queue(greatest(p_limit, c_wake));

    FOR v_next IN
        SELECT n.account_id, n.low, count(*) OVER () - row_number() OVER () + 1 AS accounts_left
          FROM emailgw_api.next_accounts(p_after, c_accounts) AS n
    LOOP
        v_share := ceil((p_limit - cardinality(v_taken))::numeric / v_next.accounts_left);
        EXIT WHEN v_share <= 0;
        v_taken := v_taken || ARRAY(
            SELECT r.ctid
              FROM (SELECT l.*, count(*) OVER () AS lanes
                      FROM emailgw_api.next_lanes(v_next.account_id, v_next.low, v_share, p_held, p_dead, v_overdue) AS l) AS l
             CROSS JOIN LATERAL (SELECT q.ctid FROM queue AS q
                                  WHERE q.account_id = v_next.account_id AND q.domain_id = l.domain_id
                                    AND q.epoch = l.epoch AND q.lane = l.lane AND q.next_at >= l.next_at AND q.ready
                                    AND (NOT l.held OR q.next_at < v_overdue)
                                  ORDER BY q.next_at
                                  LIMIT ceil(v_share::numeric / l.lanes)
                                    FOR UPDATE SKIP LOCKED) AS r
             LIMIT v_share);
    END LOOP;

    IF v_taken = '{}' THEN
        -- No mail, but whose turn it was: the next claim looks at others.
        RETURN QUERY SELECT v_next.account_id, NULL::uuid, NULL::integer, NULL::integer, NULL::integer, NULL, NULL::integer,
                            NULL::bigint, NULL::integer, NULL::bigint, NULL::boolean
                      WHERE p_held <> '{}' AND v_next.account_id IS NOT NULL;
        RETURN;
    END IF;
    RETURN QUERY
    UPDATE queue AS q
       SET ready = false, leased = true, next_at = now() + make_interval(secs => p_lease_seconds),
           attempt = q.attempt + 1, first_attempt_at = coalesce(q.first_attempt_at, now())
     WHERE q.ctid = ANY (v_taken)
    RETURNING q.account_id, q.message_id, q.recipient_no::integer, q.attempt::integer,
              CASE WHEN q.attempt = 1 THEN 0 -- the first lease
                   ELSE (SELECT r.attempts::integer FROM recipient AS r
                          WHERE r.account_id = q.account_id AND r.message_id = q.message_id AND r.recipient_no = q.recipient_no) END,
              q.email, q.lane, q.domain_id,
              q.size_bytes, (extract(epoch FROM now() - q.first_attempt_at) * 1000000)::bigint,
              q.lane = ANY (p_dead);
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.claim_messages TO emailgw_sender;
