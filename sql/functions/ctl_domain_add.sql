-- ctl_domain_add: add_domain for the operator. With p_enable the domain may send
-- at once: the operator vouches for it.
CREATE FUNCTION emailgw_api.ctl_domain_add(p_account_id bigint, p_name text, p_enable boolean, p_subdomain text,
                                           p_tracking_url text, p_ownership_token text, p_selector text,
                                           p_dkim_record text, p_dkim_sealed bytea, p_webhook_key_sealed bytea,
                                           p_mail_host text DEFAULT '', p_tracking_host text DEFAULT '',
                                           OUT status text, OUT domain_id bigint, OUT domain_status text,
                                           OUT detail text, OUT dkim_selector text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
BEGIN
    SELECT a.status, a.domain_id, a.domain_status, a.detail, a.dkim_selector
      INTO status, domain_id, domain_status, detail, dkim_selector
      FROM emailgw_api.add_domain(p_account_id, p_name, p_subdomain, p_tracking_url, p_mail_host, p_tracking_host,
                                  p_ownership_token, p_selector, p_dkim_record, p_dkim_sealed,
                                  p_webhook_key_sealed) AS a;
    IF status = 'ok' AND p_enable THEN
        SELECT e.status, e.domain_status INTO status, domain_status
          FROM emailgw_api.ctl_domain_enable(p_account_id, p_name) AS e;
    END IF;
END
$$;
