-- record_webhooks: how posts ended, many in one transaction: the queue, the log
-- of deliveries, and the webhooks themselves.
--   p_results  [{"account_id", "webhook_id", "event_id", "attempt",
--                "result": delivered | again | failed | gone | released,
--                "retry_seconds": for again, "status": of the answer, "error"}]
--   p_disable_seconds  a webhook that has failed for so long is disabled
-- gone disables at once. fenced counts those whose lease went to another
-- meanwhile: nothing of theirs is written. disabled tells which webhooks were:
-- [{"account_id", "webhook_id", "reason"}].
CREATE FUNCTION emailgw_api.record_webhooks(p_results jsonb, p_disable_seconds double precision,
                                            OUT recorded integer, OUT fenced integer, OUT disabled jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    v_touched jsonb;
BEGIN
    WITH result AS (
        SELECT r.* FROM jsonb_to_recordset(p_results)
               AS r (account_id bigint, webhook_id bigint, event_id uuid, attempt integer, result text,
                     retry_seconds double precision, status smallint, error text)
    ), owned AS ( -- locked first, in one order, by one probe of the primary key each
        SELECT r.*, q.place, q.tries
          FROM (SELECT * FROM result ORDER BY account_id, webhook_id, event_id) AS r
         CROSS JOIN LATERAL (SELECT w.ctid AS place, w.tries FROM webhook_queue AS w
                              WHERE w.account_id = r.account_id AND w.webhook_id = r.webhook_id
                                AND w.event_id = r.event_id AND w.attempt = r.attempt AND w.leased
                                FOR UPDATE) AS q
    ), finished AS (
        DELETE FROM webhook_queue AS q
         WHERE q.ctid = ANY (ARRAY(SELECT o.place FROM owned AS o WHERE o.result IN ('delivered', 'failed', 'gone')))
    ), again AS (
        UPDATE webhook_queue AS q
           SET ready = o.result = 'released', leased = false,
               tries = q.tries + (o.result = 'again')::integer,
               next_at = CASE WHEN o.result = 'released' THEN now()
                              ELSE now() + make_interval(secs => coalesce(o.retry_seconds, 60)) END
          FROM owned AS o
         WHERE q.ctid = o.place AND o.result IN ('again', 'released')
    ), logged AS (
        INSERT INTO webhook_delivery AS d (account_id, webhook_id, event_id, state, tries, status_code, error)
        SELECT o.account_id, o.webhook_id, o.event_id,
               CASE o.result WHEN 'delivered' THEN 'delivered' WHEN 'again' THEN 'pending'
                             ELSE 'failed' END::webhook_state,
               o.tries + 1, o.status, o.error
          FROM owned AS o WHERE o.result <> 'released'
        ON CONFLICT (account_id, webhook_id, event_id) DO UPDATE
           SET state = excluded.state, tries = excluded.tries, status_code = excluded.status_code,
               error = excluded.error, last_at = excluded.last_at
    ), touched AS (
        SELECT o.account_id, o.webhook_id, count(*) AS posts, bool_or(o.result = 'delivered') AS delivered,
               bool_or(o.result IN ('again', 'failed', 'gone')) AS failed, bool_or(o.result = 'gone') AS gone
          FROM owned AS o GROUP BY o.account_id, o.webhook_id
    )
    SELECT coalesce(sum(t.posts), 0), jsonb_array_length(p_results) - coalesce(sum(t.posts), 0),
           coalesce(jsonb_agg(to_jsonb(t) ORDER BY t.account_id, t.webhook_id) FILTER (WHERE t.delivered OR t.failed),
                    '[]')
      INTO recorded, fenced, v_touched
      FROM touched AS t;

    disabled := emailgw_api.judge_webhooks(v_touched, p_disable_seconds);
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.record_webhooks TO emailgw_sender;
