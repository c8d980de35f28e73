-- purge_old: takes away some of the rows that nothing asks for any more. How many there were.
-- What others have locked is left to another time: they may wait for housekeeping.
--   p_event_days  keep list jobs this long
--   p_usage       also usage of periods that are over: that reads the whole table
CREATE FUNCTION emailgw_api.purge_old(p_event_days integer, p_usage boolean)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    -- The longest window, and an hour for requests that are on their way.
    c_idempotency CONSTANT interval := emailgw_api.idempotency_window('email') + interval '1 hour';
    c_set_aside_days CONSTANT integer := 14; -- returned mails that could not be read
    v_count bigint;
    v_purged bigint;
BEGIN
    DELETE FROM emailgw.idempotency AS i
     WHERE (i.account_id, i.domain_id, i.endpoint, i.key_hash) IN (
           SELECT o.account_id, o.domain_id, o.endpoint, o.key_hash FROM emailgw.idempotency AS o
            WHERE o.created_at < now() - c_idempotency ORDER BY o.created_at LIMIT 20000
              FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_purged = ROW_COUNT;

    v_purged := v_purged + emailgw_api.purge_sessions();
    v_purged := v_purged + emailgw_api.purge_lists(p_event_days);

    DELETE FROM emailgw.returned_queue AS q
     WHERE (q.account_id, q.message_id, q.recipient_no, q.digest) IN (
           SELECT o.account_id, o.message_id, o.recipient_no, o.digest FROM emailgw.returned_queue AS o
            WHERE o.set_aside_at < now() - make_interval(days => c_set_aside_days)
              FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_purged := v_purged + v_count;
    UPDATE emailgw.domain AS d SET former_webhook_key_sealed = NULL, former_webhook_key_until = NULL
     WHERE d.former_webhook_key_until <= now();
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_purged := v_purged + v_count;

    IF p_usage THEN
        DELETE FROM emailgw.usage AS u
         WHERE u.starts_at < date_trunc('month', now(), 'UTC') - interval '1 day'
            OR u.period = 'h' AND u.starts_at < now() - interval '2 days';
        GET DIAGNOSTICS v_count = ROW_COUNT;
        v_purged := v_purged + v_count;
    END IF;
    RETURN v_purged;
END
$$;
