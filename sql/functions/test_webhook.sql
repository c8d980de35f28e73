-- test_webhook: a post that tells of no event, for whoever sets a webhook up: it is
-- queued like all others.
-- status is that of find_webhook, 5 the webhook is disabled, or 6: it was tested
-- c_most times within a minute.
CREATE FUNCTION emailgw_api.test_webhook(p_account_id bigint, p_domain_id bigint, p_webhook_id bigint,
                                         OUT status integer, OUT event_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    c_most CONSTANT integer := 10;
    c_lately CONSTANT uuid := uuid7_floor(now() - interval '1 minute');
    v_webhook record;
BEGIN
    status := emailgw_api.find_webhook(p_account_id, p_domain_id, p_webhook_id);
    IF status <> 0 THEN
        RETURN;
    END IF;
    SELECT w.domain_id, w.status INTO v_webhook FROM webhook AS w
     WHERE w.account_id = p_account_id AND w.webhook_id = p_webhook_id;
    status := CASE WHEN v_webhook.status <> 'Active' THEN 5
                   WHEN (SELECT count(*) FROM (
                             SELECT q.event_id FROM webhook_queue AS q
                              WHERE q.account_id = p_account_id AND q.webhook_id = p_webhook_id
                                AND q.event_id >= c_lately AND q.is_test
                             UNION
                             SELECT d.event_id FROM webhook_delivery AS d
                              WHERE d.account_id = p_account_id AND d.webhook_id = p_webhook_id
                                AND d.event_id >= c_lately AND d.is_test) AS t) >= c_most THEN 6
                   ELSE 0 END;
    IF status = 0 THEN
        event_id := uuid7(now());
        INSERT INTO webhook_queue (account_id, webhook_id, event_id, domain_id, message_id, is_test)
        VALUES (p_account_id, p_webhook_id, event_id, v_webhook.domain_id, event_id, true);
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.test_webhook TO emailgw_module;
