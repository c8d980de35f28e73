-- ctl_webhook_replay: events are posted to a webhook once more, from p_since on and
-- before p_until, under the ids that they had: those that it wants and has not taken,
-- or with p_all all of them. What waits for it anyway goes on as it does.
--   p_enable  a disabled one is enabled first
-- All or nothing: more than p_most are refused.
CREATE FUNCTION emailgw_api.ctl_webhook_replay(p_account_id bigint, p_webhook_id bigint, p_since timestamptz,
                                               p_until timestamptz, p_all boolean, p_enable boolean, p_most integer,
                                               OUT status text, OUT posts bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    c_low CONSTANT uuid := uuid7_floor(p_since);
    c_high CONSTANT uuid := uuid7_floor(p_until);
    c_kept CONSTANT interval := '14 days'; -- as housekeeping keeps webhook_delivery
    v_domain_id bigint;
    v_webhook record;
BEGIN
    posts := 0;
    SELECT w.domain_id INTO v_domain_id FROM webhook AS w
     WHERE w.account_id = p_account_id AND w.webhook_id = p_webhook_id AND w.deleted_at IS NULL;
    IF p_enable THEN -- the domain before its webhooks, as whoever changes one
        PERFORM FROM domain AS d WHERE d.account_id = p_account_id AND d.domain_id = v_domain_id FOR NO KEY UPDATE;
        PERFORM FROM webhook AS w WHERE w.account_id = p_account_id AND w.webhook_id = p_webhook_id FOR NO KEY UPDATE;
    END IF;
    SELECT w.events, w.status INTO v_webhook FROM webhook AS w
     WHERE w.account_id = p_account_id AND w.webhook_id = p_webhook_id AND w.deleted_at IS NULL;
    status := CASE WHEN v_webhook.events IS NULL THEN 'unknown webhook'
                   WHEN p_since < now() - c_kept THEN 'what became of older posts is not known any more: 14 days at most'
                   WHEN v_webhook.status = 'Disabled' AND NOT p_enable THEN 'the webhook is disabled' ELSE 'ok' END;
    IF status <> 'ok' THEN
        RETURN;
    END IF;
    BEGIN
        IF v_webhook.status = 'Disabled' THEN
            UPDATE webhook AS w SET status = 'Active', failing_since = NULL, disabled_at = NULL, disabled_reason = NULL
             WHERE w.account_id = p_account_id AND w.webhook_id = p_webhook_id;
            PERFORM emailgw_api.refresh_webhooks(p_account_id, v_domain_id);
        END IF;
        INSERT INTO webhook_queue (account_id, webhook_id, event_id, domain_id, message_id)
        SELECT e.account_id, p_webhook_id, e.event_id, e.domain_id, e.message_id
          FROM event AS e
         WHERE e.account_id = p_account_id AND e.domain_id = v_domain_id AND e.event_id >= c_low AND e.event_id < c_high
           AND e.type = ANY (v_webhook.events)
           AND (p_all OR NOT EXISTS (SELECT FROM webhook_delivery AS d
                                      WHERE d.account_id = p_account_id AND d.webhook_id = p_webhook_id
                                        AND d.event_id = e.event_id AND d.state = 'delivered'))
           AND NOT EXISTS (SELECT FROM webhook_queue AS q
                            WHERE q.account_id = p_account_id AND q.webhook_id = p_webhook_id AND q.event_id = e.event_id)
         ORDER BY e.event_id
         LIMIT p_most + 1
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS posts = ROW_COUNT;
        IF posts > p_most THEN
            RAISE program_limit_exceeded;
        END IF;
    EXCEPTION WHEN program_limit_exceeded THEN
        status := format('over %s events: ask for less time', p_most);
        posts := 0;
    END;
END
$$;
