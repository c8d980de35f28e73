-- drop_partitions: retention. Drops the partitions that end before p_days ago,
-- of contents, of messages and events or of webhook deliveries, unless a row of
-- a queue, or a list job that is not over so long, still points into them. Waits briefly for each lock: less than
-- deadlock_timeout, so that it is this that gives way to a mail, never the mail.
--   p_parents  the partitioned tables
CREATE FUNCTION emailgw_api.drop_partitions(p_parents text[], p_days integer)
RETURNS integer -- how many were dropped
LANGUAGE plpgsql VOLATILE SET lock_timeout = '200ms'
AS $$
DECLARE
    v_part record;
    v_dropped integer := 0;
BEGIN
    FOR v_part IN
        SELECT c.oid::regclass AS name, (b.bounds)[1]::uuid AS low, (b.bounds)[2]::uuid AS high
          FROM pg_inherits AS i
          JOIN pg_class AS c ON c.oid = i.inhrelid
         CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid),
                                         'FROM \(''(.*)''\) TO \(''(.*)''\)') AS b (bounds)
         WHERE i.inhparent = ANY (SELECT format('emailgw.%I', p)::regclass FROM unnest(p_parents) AS p)
           AND (b.bounds)[2]::uuid <= emailgw.uuid7_floor(now() - make_interval(days => p_days))
    LOOP
        CONTINUE WHEN EXISTS (SELECT FROM emailgw.queue AS q
                               WHERE q.message_id >= v_part.low AND q.message_id < v_part.high)
                   OR EXISTS (SELECT FROM emailgw.list_job AS j
                               WHERE (j.status = 'open' OR j.finished_at > now() - make_interval(days => p_days))
                                 AND j.job_id >= v_part.low AND j.job_id < v_part.high)
                   OR EXISTS (SELECT FROM emailgw.webhook_queue AS w
                               WHERE w.message_id >= v_part.low AND w.message_id < v_part.high
                                  OR w.event_id >= v_part.low AND w.event_id < v_part.high);
        EXECUTE format('DROP TABLE %s', v_part.name);
        v_dropped := v_dropped + 1;
    END LOOP;
    RETURN v_dropped;
END
$$;
