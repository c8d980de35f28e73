-- claim_erasure: the erasure whose turn it is, for p_lease_seconds; no row where none is due.
CREATE FUNCTION emailgw_api.claim_erasure(p_lease_seconds integer)
RETURNS TABLE (account_id bigint, erasure_id bigint, address_sealed bytea)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    UPDATE erasure AS e SET next_at = now() + make_interval(secs => p_lease_seconds)
     WHERE (e.account_id, e.erasure_id) = (SELECT d.account_id, d.erasure_id FROM erasure AS d
                                            WHERE d.finished_at IS NULL AND d.next_at <= now()
                                            ORDER BY d.next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING e.account_id, e.erasure_id, e.address_sealed
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.claim_erasure TO emailgw_sender;
