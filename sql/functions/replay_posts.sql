-- replay_posts: events are posted to a webhook once more, under the ids that they had:
-- one of them, or those from p_since on and before p_until that it wants and has not
-- taken, with p_all also those that it has. What waits for it anyway goes on as it does.
--   p_event_id  one event, whatever became of its post; then there are no times
--   p_enable    a disabled webhook is enabled first
-- status is 0, 4 no such webhook, 6 no such event that it wants, 7 older than what is
-- known of posts, 8 it is disabled, 116 more than p_most, or more events would have
-- to be read than may be, and then none is.
CREATE FUNCTION emailgw_api.replay_posts(p_account_id bigint, p_webhook_id bigint, p_event_id uuid,
                                         p_since timestamptz, p_until timestamptz, p_all boolean, p_enable boolean,
                                         p_most integer, OUT status integer, OUT posts bigint)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    c_since CONSTANT timestamptz := coalesce(emailgw.uuid7_time(p_event_id), p_since);
    c_low CONSTANT uuid := coalesce(p_event_id, emailgw.uuid7_floor(p_since));
    c_high CONSTANT uuid := emailgw.uuid7_floor(coalesce(emailgw.uuid7_time(p_event_id) + interval '1 second', p_until));
    v_domain_id bigint;
    v_webhook record;
BEGIN
    posts := 0;
    SELECT w.domain_id INTO v_domain_id FROM emailgw.webhook AS w
     WHERE w.account_id = p_account_id AND w.webhook_id = p_webhook_id AND w.deleted_at IS NULL;
    IF p_enable THEN -- the domain before its webhooks, as whoever changes one
        PERFORM FROM emailgw.domain AS d
         WHERE d.account_id = p_account_id AND d.domain_id = v_domain_id FOR NO KEY UPDATE;
        PERFORM FROM emailgw.webhook AS w
         WHERE w.account_id = p_account_id AND w.webhook_id = p_webhook_id FOR NO KEY UPDATE;
    END IF;
    SELECT w.events, w.status INTO v_webhook FROM emailgw.webhook AS w
     WHERE w.account_id = p_account_id AND w.webhook_id = p_webhook_id AND w.deleted_at IS NULL;
    status := CASE WHEN v_webhook.events IS NULL THEN 4
                   WHEN p_event_id IS NOT NULL
                        AND NOT EXISTS (SELECT FROM emailgw.event AS e
                                         WHERE e.account_id = p_account_id AND e.domain_id = v_domain_id
                                           AND e.event_id = p_event_id AND e.type = ANY (v_webhook.events)) THEN 6
                   WHEN c_since < now() - make_interval(days => emailgw_api.webhook_log_days()) THEN 7
                   WHEN v_webhook.status = 'Disabled' AND NOT p_enable THEN 8
                   WHEN p_event_id IS NULL
                        AND emailgw_api.events_to_read(p_account_id, v_domain_id, (p_since AT TIME ZONE 'UTC')::date,
                                                       (p_until AT TIME ZONE 'UTC')::date, v_webhook.events) IS NOT NULL THEN 116
                   ELSE 0 END;
    IF status <> 0 THEN
        RETURN;
    END IF;
    BEGIN
        IF v_webhook.status = 'Disabled' THEN
            UPDATE emailgw.webhook AS w
               SET status = 'Active', failing_since = NULL, disabled_at = NULL, disabled_reason = NULL
             WHERE w.account_id = p_account_id AND w.webhook_id = p_webhook_id;
            PERFORM emailgw_api.refresh_webhooks(p_account_id, v_domain_id);
        END IF;
        INSERT INTO emailgw.webhook_queue (account_id, webhook_id, event_id, domain_id, message_id)
        SELECT e.account_id, p_webhook_id, e.event_id, e.domain_id, e.message_id
          FROM emailgw.event AS e
         WHERE e.account_id = p_account_id AND e.domain_id = v_domain_id AND e.event_id >= c_low AND e.event_id < c_high
           AND (p_event_id IS NULL OR e.event_id = p_event_id)
           AND e.type = ANY (v_webhook.events)
           AND (p_all OR p_event_id IS NOT NULL
                OR NOT EXISTS (SELECT FROM emailgw.webhook_delivery AS d
                                WHERE d.account_id = p_account_id AND d.webhook_id = p_webhook_id
                                  AND d.event_id = e.event_id AND d.state = 'delivered'))
           AND NOT EXISTS (SELECT FROM emailgw.webhook_queue AS q
                            WHERE q.account_id = p_account_id AND q.webhook_id = p_webhook_id AND q.event_id = e.event_id)
         ORDER BY e.event_id
         LIMIT p_most + 1
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS posts = ROW_COUNT;
        IF posts > p_most THEN
            RAISE program_limit_exceeded;
        END IF;
    EXCEPTION WHEN program_limit_exceeded THEN
        status := 116;
        posts := 0;
    END;
END
$$;
