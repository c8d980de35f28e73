-- delete_webhook: no more posts to it; what waits for it is dropped by the sender.
-- 0, or the code of DeleteWebhook: 2 no such domain, 3 the webhook is of another
-- domain of the account, 4 no such webhook.
CREATE FUNCTION emailgw_api.delete_webhook(p_account_id bigint, p_domain_id bigint, p_webhook_id bigint)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
BEGIN
    PERFORM FROM domain AS d
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 2;
    END IF;
    UPDATE webhook AS w SET deleted_at = now()
     WHERE w.account_id = p_account_id AND w.webhook_id = p_webhook_id AND w.domain_id = p_domain_id
       AND w.deleted_at IS NULL;
    IF FOUND THEN
        PERFORM emailgw_api.refresh_webhooks(p_account_id, p_domain_id);
        RETURN 0;
    END IF;
    RETURN CASE WHEN EXISTS (SELECT FROM webhook AS w
                               JOIN domain AS d ON d.account_id = w.account_id AND d.domain_id = w.domain_id
                              WHERE w.account_id = p_account_id AND w.webhook_id = p_webhook_id
                                AND w.deleted_at IS NULL AND d.deleted_at IS NULL) THEN 3
                ELSE 4 END;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.delete_webhook TO emailgw_module;
