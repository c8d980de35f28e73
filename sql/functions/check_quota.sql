-- check_quota: may an account send p_count more now? p_pending more, of this same
-- transaction, are allowed already and not yet counted (add_usage). p_widest is the most
-- that it asks for at once, if it asks again: a lock that comes after the first write
-- could wait in a circle.
-- NULL when it may, else which limit stands against it and when that ends:
-- "hour", 500, the start of the next hour. ends_at is NULL where p_count alone is more than
-- the limit, so that no period will do. A limit of 0 is no matter of p_count: it stops an
-- account until it is raised.
-- Exact also for concurrent requests: near a limit they take turns, by a lock on
-- the account until commit, and so do mails to many. "Near" is farther than all
-- requests in flight can jump at once: those that do not wait, and the one that
-- has the lock.
CREATE FUNCTION emailgw_api.check_quota(p_account_id bigint, p_count integer, p_hour bigint, p_day bigint,
                                        p_month bigint, p_pending integer, p_widest integer DEFAULT NULL,
                                        OUT period text, OUT allowed bigint, OUT ends_at timestamptz)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_many CONSTANT integer := 2; -- recipients of a mail that need not wait
    c_near CONSTANT integer := 210000; -- 128 batches of 64 mails to c_many, and one of 64 mails to 3000
    v_used record;
    v_locked boolean := false;
BEGIN
    period := CASE WHEN p_count > nullif(p_hour, 0) THEN 'hour'
                   WHEN p_count > nullif(p_day, 0) THEN 'day'
                   WHEN p_count > nullif(p_month, 0) THEN 'month' END;
    WHILE period IS NULL LOOP
        SELECT * INTO v_used FROM emailgw_api.used_quota(p_account_id, now());
        period := CASE WHEN v_used.hour + p_pending + p_count > p_hour THEN 'hour'
                       WHEN v_used.day + p_pending + p_count > p_day THEN 'day'
                       WHEN v_used.month + p_pending + p_count > p_month THEN 'month' END;
        ends_at := emailgw_api.period_end(period, now());
        EXIT WHEN period IS NOT NULL OR v_locked OR (coalesce(p_widest, p_count) <= c_many
                                                     AND coalesce(v_used.hour + c_near < p_hour, true)
                                                     AND coalesce(v_used.day + c_near < p_day, true)
                                                     AND coalesce(v_used.month + c_near < p_month, true));
        PERFORM pg_advisory_xact_lock(p_account_id);
        v_locked := true; -- look again: the next statement sees what was committed meanwhile
    END LOOP;
    allowed := CASE period WHEN 'hour' THEN p_hour WHEN 'day' THEN p_day WHEN 'month' THEN p_month END;
END
$$;
