-- record_webhooks: how posts ended, many in one transaction: the queue, the log
-- of deliveries, and the webhooks themselves.
--   p_account_ids .. p_attempts  which post, one element each; the lists that follow, too
--   p_results        delivered | again | failed | gone | released
--   p_retry_seconds  for again
--   p_statuses       of the answers, 0 where there was none; -1: the post could not be made, which
--                    is not the receiver's fault, and no reason to disable it
--   p_errors         '' for none
--   p_disable_seconds  a webhook that has failed for so long is disabled
-- gone disables at once. fenced counts those whose lease went to another
-- meanwhile: nothing of theirs is written. disabled tells which webhooks were:
-- [{"account_id", "webhook_id", "reason"}].
--
-- A caller that comes too late may still see its own attempt in a row that a newer
-- owner is recording, and waits for it: so rows are taken in the order of their keys.
-- The plans are fixed as in claim_webhooks.
CREATE FUNCTION emailgw_api.record_webhooks(p_account_ids bigint[], p_webhook_ids bigint[], p_event_ids uuid[],
                                            p_attempts integer[], p_results text[],
                                            p_retry_seconds double precision[], p_statuses smallint[],
                                            p_errors text[], p_disable_seconds double precision,
                                            OUT recorded integer, OUT fenced integer, OUT disabled jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    v_places tid[];
    v_touched record;
BEGIN
    -- Locked where they are, in order; the statement below takes them from there, as record_attempts does.
    SELECT array_agg(q.place ORDER BY r.n) INTO v_places
      FROM (SELECT * FROM unnest(p_account_ids, p_webhook_ids, p_event_ids, p_attempts) WITH ORDINALITY
                          AS l (account_id, webhook_id, event_id, attempt, n)
             ORDER BY l.account_id, l.webhook_id, l.event_id) AS r
      LEFT JOIN LATERAL (SELECT l.ctid AS place FROM webhook_queue AS l
                          WHERE l.account_id = r.account_id AND l.webhook_id = r.webhook_id AND l.event_id = r.event_id
                            AND l.attempt = r.attempt AND l.leased_until > '-infinity' FOR UPDATE) AS q ON true;
    WITH result AS MATERIALIZED (
        SELECT r.* FROM unnest(p_account_ids, p_webhook_ids, p_event_ids, p_results, p_retry_seconds, p_statuses, p_errors, v_places)
               AS r (account_id, webhook_id, event_id, result, retry_seconds, status, error, place)
         WHERE r.place IS NOT NULL
         ORDER BY r.account_id, r.webhook_id, r.event_id
    ), finished AS (
        DELETE FROM webhook_queue AS q USING result AS r
         WHERE q.ctid = ANY (v_places) AND q.ctid = r.place AND r.result IN ('delivered', 'failed', 'gone')
        RETURNING r.*, q.tries + 1 AS tries, q.is_test
    ), again AS (
        UPDATE webhook_queue AS q
           SET leased_until = '-infinity', ready = r.result = 'released',
               tries = q.tries + (r.result = 'again')::integer,
               next_at = CASE WHEN r.result = 'released' THEN q.next_at
                              ELSE now() + make_interval(secs => r.retry_seconds) END
          FROM result AS r
         WHERE q.ctid = ANY (v_places) AND q.ctid = r.place AND r.result IN ('again', 'released')
        RETURNING r.*, q.tries::integer, q.is_test
    ), owned AS (
        SELECT * FROM finished UNION ALL SELECT * FROM again
    ), logged AS (
        INSERT INTO webhook_delivery AS d (account_id, webhook_id, event_id, state, tries, status_code, error, is_test)
        SELECT o.account_id, o.webhook_id, o.event_id,
               CASE o.result WHEN 'delivered' THEN 'delivered' WHEN 'again' THEN 'pending'
                             ELSE 'failed' END::webhook_state,
               o.tries, CASE WHEN o.status > 0 THEN o.status END, nullif(o.error, ''), o.is_test
          FROM owned AS o WHERE o.result <> 'released'
        ON CONFLICT (account_id, webhook_id, event_id) DO UPDATE
           SET state = excluded.state, tries = excluded.tries, status_code = excluded.status_code,
               error = excluded.error, last_at = excluded.last_at
    ), touched AS (
        SELECT o.account_id, o.webhook_id, count(*) AS posts, bool_or(o.result = 'delivered') AS delivered,
               bool_or(o.result = 'gone') AS gone, bool_and(o.result = 'released' OR o.status < 0) AS untried
          FROM owned AS o GROUP BY o.account_id, o.webhook_id
    )
    SELECT coalesce(sum(t.posts), 0) AS posts,
           array_agg(t.account_id) FILTER (WHERE NOT t.untried) AS account_ids,
           array_agg(t.webhook_id) FILTER (WHERE NOT t.untried) AS webhook_ids,
           array_agg(t.delivered) FILTER (WHERE NOT t.untried) AS delivered,
           array_agg(t.gone) FILTER (WHERE NOT t.untried) AS gone
      INTO v_touched
      FROM touched AS t;

    recorded := v_touched.posts;
    fenced := cardinality(p_results) - recorded;
    disabled := emailgw_api.judge_webhooks(v_touched.account_ids, v_touched.webhook_ids, v_touched.delivered,
                                           v_touched.gone, p_disable_seconds);
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.record_webhooks TO emailgw_sender;
