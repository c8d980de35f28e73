-- housekeeping: what must be done now and then, by one sender at a time.
--   p_message_days  keep contents and attachments this long
--   p_event_days    keep messages, recipients and events this long
-- leader is false where another is at it. A failure to drop (a long query holds a partition) is
-- left to the next round. A full disk does not keep what is old from being dropped: the rest is
-- left to the next round then, and is a failure only where nothing was dropped.
CREATE FUNCTION emailgw_api.housekeeping(p_message_days integer, p_event_days integer,
                                         OUT leader boolean, OUT made integer, OUT dropped integer,
                                         OUT purged bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    v_days CONSTANT integer := greatest(p_message_days, 2); -- less would drop what make_partitions makes
    v_full text; -- the database's words
BEGIN
    made := 0;
    dropped := 0;
    purged := 0;
    leader := pg_try_advisory_xact_lock(hashtext('emailgw housekeeping'));
    IF NOT leader THEN
        RETURN;
    END IF;

    BEGIN
        made := emailgw_api.make_partitions();
        PERFORM emailgw_api.make_digests(p_event_days, 2); -- before rows are locked: this takes longest
        purged := emailgw_api.purge_old(greatest(p_event_days, v_days), made > 0); -- usage once a day
        PERFORM emailgw_api.close_counts(20000);
    EXCEPTION WHEN disk_full THEN
        made := 0;
        purged := 0;
        v_full := SQLERRM;
    END;

    -- Last, since it locks whole tables until the commit.
    BEGIN
        dropped := emailgw_api.drop_partitions('{content,attachment}', v_days)
                 + emailgw_api.drop_partitions('{message,recipient,event}', greatest(p_event_days, v_days))
                 + emailgw_api.drop_partitions('{webhook_delivery}', emailgw_api.webhook_log_days());
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
        dropped := 0;
    END;
    IF v_full IS NOT NULL AND dropped = 0 THEN
        RAISE disk_full USING MESSAGE = v_full;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.housekeeping TO emailgw_sender;
