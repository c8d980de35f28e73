-- find_webhook: may an account see this webhook? 0, or the codes of DeleteWebhook: 2 no
-- such domain, 3 the webhook is of another domain of the account, 4 no such webhook.
--   p_domain_id  NULL: whichever it is of
CREATE FUNCTION emailgw_api.find_webhook(p_account_id bigint, p_domain_id bigint, p_webhook_id bigint)
RETURNS integer
LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN p_domain_id IS NOT NULL
                     AND NOT EXISTS (SELECT FROM emailgw.domain AS d
                                      WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id
                                        AND d.deleted_at IS NULL) THEN 2
                WHEN w.domain_id IS NULL THEN 4
                WHEN w.domain_id <> p_domain_id THEN 3
                ELSE 0 END
      FROM (SELECT) AS always
      LEFT JOIN (SELECT h.domain_id FROM emailgw.webhook AS h
                   JOIN emailgw.domain AS d ON d.account_id = h.account_id AND d.domain_id = h.domain_id
                  WHERE h.account_id = p_account_id AND h.webhook_id = p_webhook_id AND h.deleted_at IS NULL
                    AND d.deleted_at IS NULL) AS w ON true
$$;
