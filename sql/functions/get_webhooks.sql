-- get_webhooks: list_webhooks of a domain with its signing key, sealed. No row is a
-- domain that does not exist; webhook_id is NULL where it has none.
CREATE FUNCTION emailgw_api.get_webhooks(p_account_id bigint, p_domain_id bigint)
RETURNS TABLE (key_sealed bytea, webhook_id bigint, type integer, url text, webhook_status text,
               disabled_reason text, failing_us bigint, payload text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT d.webhook_key_sealed, l.webhook_id, l.type, l.url, l.status, l.disabled_reason, l.failing_us,
           l.payload
      FROM domain AS d
      LEFT JOIN LATERAL emailgw_api.list_webhooks(d.account_id, d.domain_id) AS l ON true
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL
     ORDER BY l.webhook_id, l.type
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_webhooks TO emailgw_module;
