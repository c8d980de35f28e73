-- record_attempts: how attempts ended, many in one transaction: the queue, the
-- recipients, their events and webhook posts, the counters, the suppression list,
-- when domains, keys and SMTP credentials were last used.
--   p_account_ids .. p_details  one element an outcome, best in order of the first three
--   p_results        delivered | deferred | bounced | expired | suppressed | released | cancelled
--   p_retry_seconds  how long what was deferred waits, or released: 0 is due at once
--   p_ages           seconds since it ended: many, where the database was away meanwhile.
--                    What comes within moments of a delivery is a machine's (record_tracks)
--   p_details        what the event says: {"smtp": {host, code, enhanced, text, seconds, tls, ...},
--                    "bounce" or "deferral": {"class"}, "ambiguous": true where the other side
--                    may have taken the mail all the same}; the number of the attempt is put in here.
--                    A bounce with "suppress": true puts its address on the suppression list
-- fenced counts those whose lease went to another meanwhile: nothing of theirs
-- is written, so a late owner and a repeated call change nothing. What was
-- released, suppressed or cancelled does not count as an attempt of the recipient; only what
-- is cancelled need not be leased (sweep_cancelled).
-- Rows are found by one probe of a primary key each, as in claim_messages, also by a
-- plan that was made when the queue was empty: a join would go through all of it. Bounds
-- of the ids leave partitions unopened that hold none of them.
CREATE FUNCTION emailgw_api.record_attempts(p_account_ids bigint[], p_message_ids uuid[],
                                            p_recipient_nos smallint[], p_attempts integer[], p_results text[],
                                            p_retry_seconds double precision[], p_details jsonb[],
                                            p_ages double precision[] DEFAULT NULL,
                                            OUT recorded integer, OUT fenced integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_low CONSTANT uuid := (SELECT i.id FROM unnest(p_message_ids) AS i (id) ORDER BY i.id LIMIT 1);
    v_high CONSTANT uuid := (SELECT i.id FROM unnest(p_message_ids) AS i (id) ORDER BY i.id DESC LIMIT 1);
    v_ids CONSTANT uuid[] := emailgw_api.event_ids(cardinality(p_message_ids));
    v_places tid[];
    v_counted boolean[]; -- whether their send events were, before this
    v_told record;
BEGIN
    -- Locked where they are, in order, since one that is being woken at this moment gets another place: the statement
    -- below takes them from there.
    SELECT array_agg(q.place ORDER BY o.n), array_agg(q.counted ORDER BY o.n) INTO v_places, v_counted
      FROM (SELECT * FROM unnest(p_account_ids, p_message_ids, p_recipient_nos, p_attempts, p_results) WITH ORDINALITY
                          AS l (account_id, message_id, recipient_no, attempt, result, n)
             ORDER BY l.account_id, l.message_id, l.recipient_no) AS o
      LEFT JOIN LATERAL (SELECT l.ctid AS place, l.counted FROM queue AS l
                          WHERE l.account_id = o.account_id AND l.message_id = o.message_id
                            AND l.recipient_no = o.recipient_no AND l.attempt = o.attempt
                            AND (l.leased OR o.result = 'cancelled') FOR UPDATE) AS q ON true;
    WITH outcome AS (
        SELECT * FROM unnest(p_account_ids, p_message_ids, p_recipient_nos, p_results, p_retry_seconds, p_details, p_ages, v_places,
                             v_counted)
                      AS l (account_id, message_id, recipient_no, result, retry_seconds, detail, age, place, counted)
         WHERE l.place IS NOT NULL
    ), finished AS (
        DELETE FROM queue AS q USING outcome AS o
         WHERE q.ctid = ANY (v_places) AND q.ctid = o.place AND o.result NOT IN ('deferred', 'released')
        RETURNING o.*, q.domain_id, q.email, q.queued_at
    ), again AS (
        UPDATE queue AS q
           SET ready = o.result = 'released' AND o.retry_seconds <= 0, leased = false,
               counted = q.counted OR o.result <> 'released', next_at = now() + make_interval(secs => o.retry_seconds)
          FROM outcome AS o
         WHERE q.ctid = ANY (v_places) AND q.ctid = o.place AND o.result IN ('deferred', 'released')
        RETURNING o.*, q.domain_id, q.email, q.queued_at
    ), owned AS (
        SELECT * FROM finished UNION ALL SELECT * FROM again
    ), marked AS (
        UPDATE recipient AS r
           SET attempts = r.attempts + (o.result NOT IN ('cancelled', 'suppressed'))::integer,
               status = CASE o.result WHEN 'deferred' THEN r.status ELSE o.result::recipient_status END,
               finished_at = CASE WHEN o.result <> 'deferred'
                                  THEN now() - make_interval(secs => greatest(o.age, 0)) END
          FROM owned AS o
         WHERE r.account_id = o.account_id AND r.message_id = o.message_id AND r.recipient_no = o.recipient_no
           AND r.message_id BETWEEN v_low AND v_high AND o.result <> 'released'
        RETURNING o.account_id, o.domain_id, o.message_id, o.recipient_no, o.email, o.counted, o.queued_at,
                  CASE o.result WHEN 'delivered' THEN 2 WHEN 'deferred' THEN 3 WHEN 'suppressed' THEN 5
                                WHEN 'cancelled' THEN 6 ELSE 4 END AS type,
                  CASE WHEN o.result NOT IN ('cancelled', 'suppressed')
                       THEN jsonb_build_object('attempt', r.attempts) || o.detail END AS detail,
                  o.result = 'bounced' AND o.detail #> '{bounce,suppress}' = 'true' AS suppress
    ), mail AS (
        SELECT r.*, v_ids[row_number() OVER ()] AS event_id, m.tags, m.api_key_id, m.smtp_id
          FROM marked AS r
         CROSS JOIN LATERAL (SELECT l.tags, l.api_key_id, l.smtp_id FROM message AS l
                              WHERE l.account_id = r.account_id AND l.message_id = r.message_id
                                AND l.message_id BETWEEN v_low AND v_high OFFSET 0) AS m
    ), told AS (
        INSERT INTO event (account_id, domain_id, event_id, type, at, message_id, recipient_no, email, detail)
        SELECT r.account_id, r.domain_id, r.event_id, r.type, now(), r.message_id, r.recipient_no, r.email,
               r.detail
          FROM mail AS r
    ), counted AS ( -- these events, and the send event of those that have had none counted
        INSERT INTO daily_count AS c (account_id, domain_id, day, type, tag, slot, count)
        SELECT r.account_id, r.domain_id, (e.at AT TIME ZONE 'UTC')::date, e.type, t.tag, pg_backend_pid() % 16,
               count(*)
          FROM mail AS r
         CROSS JOIN LATERAL (VALUES (r.type, now()),
                                    (1, CASE WHEN NOT r.counted THEN r.queued_at END)) AS e (type, at)
         CROSS JOIN LATERAL unnest('{""}' || r.tags) AS t (tag)
         WHERE e.at IS NOT NULL
         GROUP BY r.account_id, r.domain_id, 3, e.type, t.tag
         ORDER BY r.account_id, r.domain_id, 3, e.type, t.tag
        ON CONFLICT (account_id, domain_id, day, type, tag, slot) DO UPDATE SET count = c.count + excluded.count
    ), used AS (
        SELECT u.*, d.webhook_events,
               coalesce(d.last_used_at < now() - interval '1 minute'
                        OR coalesce(k.last_used_at, s.last_used_at) < now() - interval '1 minute', true) AS stale
          FROM (SELECT DISTINCT r.account_id, r.domain_id, r.api_key_id, r.smtp_id FROM mail AS r WHERE r.type <> 6) AS u
         CROSS JOIN LATERAL (SELECT l.webhook_events, l.last_used_at FROM domain AS l
                              WHERE l.account_id = u.account_id AND l.domain_id = u.domain_id OFFSET 0) AS d
          LEFT JOIN LATERAL (SELECT l.last_used_at FROM api_key AS l
                              WHERE l.account_id = u.account_id AND l.api_key_id = u.api_key_id OFFSET 0) AS k ON true
          LEFT JOIN LATERAL (SELECT l.last_used_at FROM smtp_credential AS l
                              WHERE l.account_id = u.account_id AND l.smtp_id = u.smtp_id OFFSET 0) AS s ON true
    )
    SELECT (SELECT count(*) FROM owned) AS owned, (SELECT bool_or(u.stale) FROM used AS u) AS stale,
           EXISTS (SELECT FROM used AS u JOIN mail AS r ON r.account_id = u.account_id AND r.domain_id = u.domain_id
                    WHERE u.webhook_events <> '{}' AND r.type = ANY (u.webhook_events)) AS hooked,
           array_agg(r.account_id) AS account_ids, array_agg(r.domain_id) AS domain_ids, array_agg(r.type) AS types,
           array_agg(r.event_id) AS event_ids, array_agg(r.message_id) AS message_ids,
           array_agg(r.api_key_id) AS api_key_ids, array_agg(r.smtp_id) AS smtp_ids,
           array_agg(r.account_id) FILTER (WHERE r.suppress) AS suppress_account_ids,
           array_agg(r.email) FILTER (WHERE r.suppress) AS suppress_emails,
           array_agg(r.message_id) FILTER (WHERE r.suppress) AS suppress_message_ids,
           array_agg(emailgw_api.event_reason(r.detail)) FILTER (WHERE r.suppress) AS suppress_replies
      INTO v_told
      FROM mail AS r;
    recorded := v_told.owned;
    fenced := cardinality(p_message_ids) - recorded;

    IF v_told.hooked THEN
        PERFORM emailgw_api.queue_webhooks(v_told.account_ids, v_told.domain_ids, v_told.types, v_told.event_ids,
                                           v_told.message_ids);
    END IF;
    IF v_told.suppress_emails IS NOT NULL THEN
        PERFORM emailgw_api.add_suppressions('bounce', v_told.suppress_account_ids, v_told.suppress_emails,
                                             v_told.suppress_message_ids, v_told.suppress_replies);
    END IF;
    IF v_told.stale THEN
        PERFORM emailgw_api.touch_last_used(v_told.account_ids, v_told.domain_ids, v_told.api_key_ids,
                                            v_told.smtp_ids);
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.record_attempts TO emailgw_sender;
