-- ctl_webhook_list: the webhooks of an account, and how they are. waiting is what is to
-- be posted to one, counted up to 10,000.
CREATE FUNCTION emailgw_api.ctl_webhook_list(p_account_id bigint)
RETURNS TABLE (webhook_id bigint, domain text, url text, status text, disabled_reason text, waiting bigint,
               failing_since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT w.webhook_id, d.name, w.url, w.status::text, w.disabled_reason,
           (SELECT count(*) FROM (SELECT FROM webhook_queue AS q
                                   WHERE q.account_id = w.account_id AND q.webhook_id = w.webhook_id LIMIT 10000) AS q),
           w.failing_since
      FROM webhook AS w
      JOIN domain AS d ON d.account_id = w.account_id AND d.domain_id = w.domain_id
     WHERE w.account_id = p_account_id AND w.deleted_at IS NULL
     ORDER BY d.name, w.webhook_id
$$;
