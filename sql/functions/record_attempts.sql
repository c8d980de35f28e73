-- record_attempts: how attempts ended, many in one transaction: the queue, the
-- recipients, their events and webhook posts, the counters, when domains and keys were last used.
--   p_outcomes  [{"account_id", "message_id", "recipient_no", "attempt",
--                 "result": delivered | deferred | bounced | released,
--                 "retry_seconds": for deferred, "smtp": {host, code, enhanced, text, seconds, tls, ...},
--                 "bounce": {"class"} for bounced: "expired" ends the recipient as such,
--                 "ambiguous": true where the other side may have taken the mail all the same}]
-- fenced counts those whose lease went to another meanwhile: nothing of theirs
-- is written, so a late owner and a repeated call change nothing. What was
-- released does not count as an attempt of the recipient.
CREATE FUNCTION emailgw_api.record_attempts(p_outcomes jsonb, OUT recorded integer, OUT fenced integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    v_told record;
BEGIN
    WITH outcome AS (
        SELECT o.* FROM jsonb_to_recordset(p_outcomes)
               AS o (account_id bigint, message_id uuid, recipient_no smallint, attempt integer, result text,
                     retry_seconds double precision, smtp jsonb, bounce jsonb, ambiguous boolean)
    ), owned AS ( -- locked first, in one order, so that two callers cannot wait for each other
        SELECT o.*, q.domain_id, q.email, q.counted, q.queued_at
          FROM outcome AS o
          JOIN queue AS q ON q.account_id = o.account_id AND q.message_id = o.message_id
                         AND q.recipient_no = o.recipient_no AND q.attempt = o.attempt AND q.leased
         ORDER BY o.account_id, o.message_id, o.recipient_no
           FOR UPDATE OF q
    ), finished AS (
        DELETE FROM queue AS q USING owned AS o
         WHERE q.account_id = o.account_id AND q.message_id = o.message_id AND q.recipient_no = o.recipient_no
           AND o.result IN ('delivered', 'bounced')
    ), again AS (
        UPDATE queue AS q
           SET ready = o.result = 'released', leased = false, counted = q.counted OR o.result <> 'released',
               next_at = CASE WHEN o.result = 'released' THEN now()
                              ELSE now() + make_interval(secs => coalesce(o.retry_seconds, 60)) END
          FROM owned AS o
         WHERE q.account_id = o.account_id AND q.message_id = o.message_id AND q.recipient_no = o.recipient_no
           AND o.result IN ('deferred', 'released')
    ), marked AS (
        UPDATE recipient AS r
           SET attempts = r.attempts + 1,
               status = CASE o.result WHEN 'delivered' THEN 'delivered'::recipient_status
                                      WHEN 'bounced' THEN CASE WHEN o.bounce ->> 'class' = 'expired' THEN 'expired'::recipient_status
                                                               ELSE 'bounced' END
                                      ELSE r.status END,
               finished_at = CASE WHEN o.result <> 'deferred' THEN now() END
          FROM owned AS o
         WHERE r.account_id = o.account_id AND r.message_id = o.message_id AND r.recipient_no = o.recipient_no
           AND o.result <> 'released'
        RETURNING o.account_id, o.message_id, o.recipient_no, o.domain_id, o.email, o.result, o.smtp, o.bounce, o.ambiguous,
                  r.attempts
    ), told AS (
        INSERT INTO event (account_id, domain_id, event_id, type, at, message_id, recipient_no, email, detail)
        SELECT r.account_id, r.domain_id, uuid7(now()),
               CASE r.result WHEN 'delivered' THEN 2 WHEN 'deferred' THEN 3 ELSE 4 END, now(),
               r.message_id, r.recipient_no, r.email,
               jsonb_strip_nulls(jsonb_build_object('attempt', r.attempts, 'smtp', r.smtp, 'bounce', r.bounce,
                                                    'ambiguous', r.ambiguous))
          FROM marked AS r
        RETURNING account_id, domain_id, type, event_id, message_id
    ), counted AS (
        INSERT INTO daily_count AS c (account_id, domain_id, day, type, tag, slot, count)
        SELECT e.account_id, e.domain_id, e.day, e.type, t.tag, pg_backend_pid() % 16, count(*)
          FROM (SELECT o.account_id, o.domain_id, o.message_id, (now() AT TIME ZONE 'UTC')::date AS day,
                       CASE o.result WHEN 'delivered' THEN 2 WHEN 'deferred' THEN 3 ELSE 4 END AS type
                  FROM owned AS o WHERE o.result <> 'released'
                UNION ALL
                SELECT o.account_id, o.domain_id, o.message_id, (o.queued_at AT TIME ZONE 'UTC')::date, 1
                  FROM owned AS o WHERE o.result <> 'released' AND NOT o.counted) AS e
          JOIN message AS m ON m.account_id = e.account_id AND m.message_id = e.message_id
         CROSS JOIN LATERAL unnest('{""}' || m.tags) AS t (tag)
         GROUP BY e.account_id, e.domain_id, e.day, e.type, t.tag
         ORDER BY e.account_id, e.domain_id, e.day, e.type, t.tag
        ON CONFLICT (account_id, domain_id, day, type, tag, slot) DO UPDATE SET count = c.count + excluded.count
    )
    SELECT (SELECT count(*) FROM owned) AS owned, array_agg(t.account_id) AS account_ids,
           array_agg(t.domain_id) AS domain_ids, array_agg(t.type::integer) AS types,
           array_agg(t.event_id) AS event_ids, array_agg(t.message_id) AS message_ids
      INTO v_told
      FROM told AS t
     WHERE t.type = ANY ((SELECT d.webhook_events FROM domain AS d
                           WHERE d.account_id = t.account_id AND d.domain_id = t.domain_id)::smallint[]);
    recorded := v_told.owned;
    fenced := jsonb_array_length(p_outcomes) - recorded;

    IF v_told.event_ids IS NOT NULL THEN
        PERFORM emailgw_api.queue_webhooks(v_told.account_ids, v_told.domain_ids, v_told.types, v_told.event_ids,
                                           v_told.message_ids);
    END IF;

    PERFORM emailgw_api.touch_last_used(p_outcomes);
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.record_attempts TO emailgw_sender;
