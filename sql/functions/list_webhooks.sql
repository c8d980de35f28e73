-- list_webhooks: the webhooks of a domain, one row an event, oldest first.
CREATE FUNCTION emailgw_api.list_webhooks(p_account_id bigint, p_domain_id bigint)
RETURNS TABLE (webhook_id bigint, type integer, url text, status text, disabled_reason text, failing_us bigint,
               payload text)
LANGUAGE sql STABLE
AS $$
    SELECT w.webhook_id, e.type::integer, w.url, w.status::text, w.disabled_reason,
           (extract(epoch FROM w.failing_since) * 1000000)::bigint, w.payload
      FROM emailgw.webhook AS w
     CROSS JOIN LATERAL unnest(w.events) AS e (type)
     WHERE w.account_id = p_account_id AND w.domain_id = p_domain_id AND w.deleted_at IS NULL
     ORDER BY w.webhook_id, e.type
$$;
