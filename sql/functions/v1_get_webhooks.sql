-- v1_get_webhooks: GET /api/v1/webhooks: list_webhooks of a sender key's domain
-- with its signing key, sealed. One row at least: status (see sender_key);
-- webhook_id is NULL where there is none.
CREATE FUNCTION emailgw_api.v1_get_webhooks(p_account_id bigint, p_key_hash bytea)
RETURNS TABLE (status integer, key_sealed bytea, webhook_id bigint, type integer, url text, webhook_status text,
               disabled_reason text, failing_us bigint, payload text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT coalesce(k.status, 13), CASE WHEN k.status = 0 THEN d.webhook_key_sealed END, l.webhook_id, l.type, l.url, l.status,
           l.disabled_reason, l.failing_us, l.payload
      FROM (SELECT) AS always
      LEFT JOIN emailgw_api.sender_key(p_account_id, p_key_hash, 'webhooks') AS k ON true
      LEFT JOIN domain AS d ON d.account_id = p_account_id AND d.domain_id = k.domain_id
      LEFT JOIN LATERAL emailgw_api.list_webhooks(p_account_id, k.domain_id) AS l ON k.status = 0
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.v1_get_webhooks TO emailgw_module;
