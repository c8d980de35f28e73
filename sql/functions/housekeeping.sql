-- housekeeping: what must be done now and then, by one sender at a time.
--   p_message_days  keep contents and attachments this long
--   p_event_days    keep messages, recipients and events this long
-- leader is false where another is at it. Rows of what is purged that others have locked
-- are left to another round: they may wait for this one. A failure to drop (a long query holds
-- a partition) is left to the next round.
CREATE FUNCTION emailgw_api.housekeeping(p_message_days integer, p_event_days integer,
                                         OUT leader boolean, OUT made integer, OUT dropped integer,
                                         OUT purged bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    v_days CONSTANT integer := greatest(p_message_days, 2); -- less would drop what make_partitions makes
    -- The longest window, and an hour for requests that are on their way.
    c_idempotency CONSTANT interval := emailgw_api.idempotency_window('email') + interval '1 hour';
    c_set_aside_days CONSTANT integer := 14; -- returned mails that could not be read
    v_count bigint;
BEGIN
    made := 0;
    dropped := 0;
    purged := 0;
    leader := pg_try_advisory_xact_lock(hashtext('emailgw housekeeping'));
    IF NOT leader THEN
        RETURN;
    END IF;

    made := emailgw_api.make_partitions();
    PERFORM emailgw_api.make_digests(p_event_days, 2); -- before rows are locked: this takes longest
    DELETE FROM idempotency AS i
     WHERE (i.account_id, i.domain_id, i.endpoint, i.key_hash) IN (
           SELECT o.account_id, o.domain_id, o.endpoint, o.key_hash FROM idempotency AS o
            WHERE o.created_at < now() - c_idempotency ORDER BY o.created_at LIMIT 20000
              FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    purged := purged + v_count;

    purged := purged + emailgw_api.purge_sessions();
    purged := purged + emailgw_api.purge_lists(greatest(p_event_days, v_days));

    DELETE FROM returned_queue AS q
     WHERE (q.account_id, q.message_id, q.recipient_no, q.digest) IN (
           SELECT o.account_id, o.message_id, o.recipient_no, o.digest FROM returned_queue AS o
            WHERE o.set_aside_at < now() - make_interval(days => c_set_aside_days)
              FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    purged := purged + v_count;
    UPDATE domain AS d SET former_webhook_key_sealed = NULL, former_webhook_key_until = NULL
     WHERE d.former_webhook_key_until <= now();
    GET DIAGNOSTICS v_count = ROW_COUNT;
    purged := purged + v_count;

    IF made > 0 THEN -- once a day: it reads the whole table
        DELETE FROM usage AS u
         WHERE u.starts_at < date_trunc('month', now(), 'UTC') - interval '1 day'
            OR u.period = 'h' AND u.starts_at < now() - interval '2 days';
        GET DIAGNOSTICS v_count = ROW_COUNT;
        purged := purged + v_count;
    END IF;

    PERFORM emailgw_api.close_counts(20000);

    -- Last, since it locks whole tables until the commit.
    BEGIN
        dropped := emailgw_api.drop_partitions('{content,attachment}', v_days)
                 + emailgw_api.drop_partitions('{message,recipient,event}', greatest(p_event_days, v_days))
                 + emailgw_api.drop_partitions('{webhook_delivery}', emailgw_api.webhook_log_days());
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
        dropped := 0;
    END;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.housekeeping TO emailgw_sender;
