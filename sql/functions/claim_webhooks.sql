-- claim_webhooks: leases up to p_limit posts that are due, with what they say.
--   p_lease_seconds  how long they are the caller's; then they come due again
--   p_after          the webhook that was served last: the next ones come first
--   p_busy           webhooks that get no more now
--   p_without_failing  nor do those that are failing
-- attempt is the fence: record_webhooks takes a result for no other. Fair by
-- webhook: equal parts of the limit, but few for one that is failing, so that
-- its posts do not wait in a sender. former_key_sealed is the domain's signing key
-- before the present one, as long as that signs as well. What deleted and disabled webhooks still
-- have is dropped here, some of it in each claim. Posts of one event stand together.
--
-- The plans are fixed: whatever the planner makes of a table that is empty now
-- and has a million rows in a minute, each step is a probe of an index.
CREATE FUNCTION emailgw_api.claim_webhooks(p_limit integer, p_lease_seconds integer, p_after bigint, p_busy bigint[],
                                           p_without_failing boolean DEFAULT false)
RETURNS TABLE (account_id bigint, webhook_id bigint, event_id uuid, attempt integer, tries integer, failing boolean,
               url text, key_sealed bytea, domain text, type integer, at_us bigint, message_id uuid, email text,
               detail jsonb, from_email text, subject text, tags jsonb, list_id bigint, subscriber_id bigint,
               journey_id bigint, action_id bigint, former_key_sealed bytea, payload text, is_test boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    c_webhooks CONSTANT integer := 64; -- served by one claim at most
    c_each CONSTANT integer := 32;     -- posts of one webhook at most
    c_each_failing CONSTANT integer := 2;
    c_wake CONSTANT integer := 1000;   -- rows that are woken, or dropped
    v_hook record;
    v_to_drop integer := c_wake;
    v_most integer;
    v_share integer;
    v_taken tid[] := '{}';
BEGIN
    PERFORM emailgw_api.wake_webhooks(greatest(p_limit, c_wake));

    FOR v_hook IN
        SELECT n.webhook_id, n.failing, n.ended, max(n.place) OVER () - n.place + 1 AS lanes_left
          FROM emailgw_api.next_webhooks(p_after, least(p_limit, c_webhooks), p_busy, p_without_failing) AS n
    LOOP
        IF v_hook.ended IS NOT NULL THEN
            IF v_to_drop > 0 THEN
                v_to_drop := v_to_drop - emailgw_api.drop_webhook_jobs(v_hook.webhook_id, v_hook.ended, v_to_drop);
            END IF;
            CONTINUE;
        END IF;
        v_most := CASE WHEN v_hook.failing THEN c_each_failing ELSE c_each END;
        v_share := least(v_most, ceil((p_limit - cardinality(v_taken))::numeric / v_hook.lanes_left));
        v_taken := v_taken || ARRAY(SELECT q.ctid FROM webhook_queue AS q
                                     WHERE q.ready AND q.webhook_id = v_hook.webhook_id AND q.leased_until <= now()
                                     ORDER BY q.next_at
                                     LIMIT v_share
                                       FOR UPDATE SKIP LOCKED);
    END LOOP;

    IF v_taken = '{}' THEN
        RETURN; -- most calls: what follows costs several times as much as looking
    END IF;
    -- Event, message and domain are looked up once for all posts of an event.
    RETURN QUERY
    WITH leased AS (
        UPDATE webhook_queue AS q
           SET leased_until = now() + make_interval(secs => p_lease_seconds), attempt = q.attempt + 1
         WHERE q.ctid = ANY (v_taken)
        RETURNING q.account_id, q.webhook_id, q.event_id, q.domain_id, q.message_id, q.attempt, q.tries,
                  q.is_test
    ), told AS (
        SELECT l.account_id, l.domain_id, l.event_id, l.message_id, l.is_test, array_agg(l.webhook_id) AS webhook_ids,
               array_agg(l.attempt) AS attempts, array_agg(l.tries::integer) AS tries
          FROM leased AS l GROUP BY l.account_id, l.domain_id, l.event_id, l.message_id,
                                      l.is_test
    )
    SELECT t.account_id, p.webhook_id, t.event_id, p.attempt, p.tries, w.failing_since IS NOT NULL,
           w.url, d.webhook_key_sealed, d.name, e.type::integer, (extract(epoch FROM e.at) * 1000000)::bigint,
           t.message_id, e.email, e.detail, m.from_email, m.subject, to_jsonb(m.tags), m.list_id, m.subscriber_id,
           m.journey_id, m.action_id,
           CASE WHEN d.former_webhook_key_until > now() THEN d.former_webhook_key_sealed END, w.payload, t.is_test
      FROM told AS t
     CROSS JOIN LATERAL (SELECT o.webhook_key_sealed, o.former_webhook_key_sealed, o.former_webhook_key_until, o.name
                           FROM domain AS o
                          WHERE o.account_id = t.account_id AND o.domain_id = t.domain_id LIMIT 1) AS d
      LEFT JOIN LATERAL (SELECT v.type, v.at, v.email, v.detail FROM event AS v
                          WHERE v.account_id = t.account_id AND v.domain_id = t.domain_id
                            AND v.event_id = t.event_id LIMIT 1) AS e ON true
      LEFT JOIN LATERAL (SELECT s.* FROM message AS s
                          WHERE s.account_id = t.account_id AND s.message_id = t.message_id LIMIT 1) AS m ON true
     CROSS JOIN LATERAL unnest(t.webhook_ids, t.attempts, t.tries) AS p (webhook_id, attempt, tries)
     CROSS JOIN LATERAL (SELECT h.url, h.failing_since, h.payload FROM webhook AS h
                          WHERE h.account_id = t.account_id AND h.webhook_id = p.webhook_id LIMIT 1) AS w;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.claim_webhooks TO emailgw_sender;
