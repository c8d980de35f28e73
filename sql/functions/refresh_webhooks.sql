-- refresh_webhooks: which events the active webhooks of a domain want, into the
-- domain. The caller has locked the domain's row before it changed a webhook, so
-- that of two changes the later one sees both.
CREATE FUNCTION emailgw_api.refresh_webhooks(p_account_id bigint, p_domain_id bigint)
RETURNS void
LANGUAGE sql VOLATILE
AS $$
    UPDATE emailgw.domain AS d
       SET webhook_events = ARRAY(
           SELECT DISTINCT e.type FROM emailgw.webhook AS w CROSS JOIN LATERAL unnest(w.events) AS e (type)
            WHERE w.account_id = p_account_id AND w.domain_id = p_domain_id AND w.deleted_at IS NULL
              AND w.status = 'Active'
            ORDER BY e.type)
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id
$$;
