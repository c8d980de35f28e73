-- v1_add_webhook: POST /api/v1/webhooks: add_webhook for the domain of a sender
-- key. status is also that of sender_key.
CREATE FUNCTION emailgw_api.v1_add_webhook(p_account_id bigint, p_key_hash bytea, p_url text, p_events smallint[],
                                           p_limit integer, p_payload text DEFAULT 'native',
                                           OUT status integer, OUT webhook_id bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_key record;
BEGIN
    SELECT * INTO v_key FROM emailgw_api.sender_key(p_account_id, p_key_hash, 'webhooks');
    status := coalesce(v_key.status, 13);
    IF status = 0 THEN
        SELECT a.status, a.webhook_id INTO status, webhook_id
          FROM emailgw_api.add_webhook(p_account_id, v_key.domain_id, p_url, p_events, p_limit, p_payload) AS a;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.v1_add_webhook TO emailgw_module;
