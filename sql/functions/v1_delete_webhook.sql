-- v1_delete_webhook: DELETE /api/v1/webhooks: delete_webhook for the domain of a
-- sender key. status is that of sender_key, or 4: the domain has no such webhook.
CREATE FUNCTION emailgw_api.v1_delete_webhook(p_account_id bigint, p_key_hash bytea, p_webhook_id bigint)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    v_key record;
BEGIN
    SELECT * INTO v_key FROM emailgw_api.sender_key(p_account_id, p_key_hash, 'webhooks');
    IF v_key.status = 0 AND emailgw_api.delete_webhook(p_account_id, v_key.domain_id, p_webhook_id) <> 0 THEN
        RETURN 4;
    END IF;
    RETURN coalesce(v_key.status, 13);
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.v1_delete_webhook TO emailgw_module;
