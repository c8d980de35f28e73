-- add_usage: counts p_count sends of a limited account in one of its slots: in one that
-- no other transaction has at this moment, so that none waits for another, and the
-- mails that are committed together never in a circle.
CREATE FUNCTION emailgw_api.add_usage(p_account_id bigint, p_count integer)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_slots CONSTANT integer := 16;
    v_slot integer := pg_backend_pid() % c_slots;
BEGIN
    FOR v_try IN 0 .. c_slots LOOP -- negative: the account's own lock has its number (check_quota)
        EXIT WHEN pg_try_advisory_xact_lock(-(p_account_id * c_slots + v_slot));
        v_slot := CASE WHEN v_try < c_slots - 1 THEN (v_slot + 1) % c_slots
                       ELSE c_slots + pg_backend_pid() % 30000 END; -- all are taken: one of its own
    END LOOP;
    INSERT INTO emailgw.usage AS u (account_id, period, starts_at, slot, sent)
    VALUES (p_account_id, 'd', date_trunc('day', now(), 'UTC'), v_slot, p_count),
           (p_account_id, 'h', date_trunc('hour', now(), 'UTC'), v_slot, p_count),
           (p_account_id, 'm', date_trunc('month', now(), 'UTC'), v_slot, p_count)
    ON CONFLICT (account_id, period, starts_at, slot) DO UPDATE SET sent = u.sent + excluded.sent;
END
$$;
