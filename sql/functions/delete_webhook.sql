-- delete_webhook: no more posts to it; what waits for it is dropped by the sender.
-- Whether the domain has such a webhook.
CREATE FUNCTION emailgw_api.delete_webhook(p_account_id bigint, p_domain_id bigint, p_webhook_id bigint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_found boolean;
BEGIN
    PERFORM FROM emailgw.domain AS d
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id
       FOR NO KEY UPDATE;
    UPDATE emailgw.webhook AS w SET deleted_at = now()
     WHERE w.account_id = p_account_id AND w.webhook_id = p_webhook_id AND w.domain_id = p_domain_id
       AND w.deleted_at IS NULL;
    v_found := FOUND;
    IF v_found THEN
        PERFORM emailgw_api.refresh_webhooks(p_account_id, p_domain_id);
    END IF;
    RETURN v_found;
END
$$;
