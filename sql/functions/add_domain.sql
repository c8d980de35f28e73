-- add_domain: a sender domain, pending, with its DKIM key.
--   p_mail_host, p_tracking_host  what its records name; '' for none
--   p_selector  taken as free_selector says
-- status and detail as of may_add_domain, or 'no selector is left this month'; dkim_selector is
-- the one that was taken.
CREATE FUNCTION emailgw_api.add_domain(p_account_id bigint, p_name text, p_subdomain text, p_tracking_url text,
                                       p_mail_host text, p_tracking_host text, p_ownership_token text,
                                       p_selector text, p_dkim_record text, p_dkim_sealed bytea,
                                       p_webhook_key_sealed bytea,
                                       OUT status text, OUT domain_id bigint, OUT domain_status text,
                                       OUT detail text, OUT dkim_selector text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    -- Who adds to an account waits for others who do, so that all count the same domains.
    PERFORM FROM account AS a WHERE a.account_id = p_account_id FOR NO KEY UPDATE;
    SELECT m.status, m.detail INTO status, detail FROM emailgw_api.may_add_domain(p_account_id, p_name) AS m;
    IF status <> 'ok' THEN
        RETURN;
    END IF;
    dkim_selector := emailgw_api.free_selector(p_name, p_selector);
    IF dkim_selector IS NULL THEN
        status := 'no selector is left this month';
        RETURN;
    END IF;
    INSERT INTO domain AS d (account_id, name, subdomain, tracking_base_url, mail_host, tracking_host,
                             ownership_token, dkim_selector, dkim_record, dkim_sealed, webhook_key_sealed,
                             suppressed_as)
    VALUES (p_account_id, p_name, p_subdomain, p_tracking_url, p_mail_host, p_tracking_host, p_ownership_token,
            dkim_selector, p_dkim_record, p_dkim_sealed, p_webhook_key_sealed,
            (SELECT coalesce(o.suppressed_as, o.domain_id) FROM domain AS o
              WHERE o.account_id = p_account_id AND o.name = p_name LIMIT 1))
    RETURNING d.domain_id, d.status::text INTO domain_id, domain_status;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.add_domain TO emailgw_module;
