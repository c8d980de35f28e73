-- add_webhook: a URL that is told of events of a domain.
--   p_url      judged by its text before; NULL adds nothing and only tells whether there is such a domain
--   p_events   core/eventtype.h, ascending
--   p_limit    webhooks that a domain may have
--   p_payload  native, mailgun or postmark: how it is told
-- status is 0, 2 where there is no such domain, 112 where it has p_limit of them.
CREATE FUNCTION emailgw_api.add_webhook(p_account_id bigint, p_domain_id bigint, p_url text, p_events smallint[],
                                        p_limit integer, p_payload text DEFAULT 'native',
                                        OUT status integer, OUT webhook_id bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM domain AS d
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL
       FOR NO KEY UPDATE;
    status := CASE WHEN NOT FOUND THEN 2
                   WHEN p_url IS NULL THEN 0
                   WHEN (SELECT count(*) FROM webhook AS w
                          WHERE w.account_id = p_account_id AND w.domain_id = p_domain_id
                            AND w.deleted_at IS NULL) >= p_limit THEN 112
                   ELSE 0 END;
    IF status = 0 AND p_url IS NOT NULL THEN
        INSERT INTO webhook AS w (account_id, domain_id, url, events, payload)
        VALUES (p_account_id, p_domain_id, p_url, p_events, p_payload)
        RETURNING w.webhook_id INTO webhook_id;
        PERFORM emailgw_api.refresh_webhooks(p_account_id, p_domain_id);
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.add_webhook TO emailgw_module;
