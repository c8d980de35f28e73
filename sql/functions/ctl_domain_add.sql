-- ctl_domain_add: a sender domain with its DKIM key. With p_enable it may send
-- at once: the operator vouches for it, and no other account may hold the name.
CREATE FUNCTION emailgw_api.ctl_domain_add(p_account_id bigint, p_name text, p_enable boolean, p_subdomain text,
                                           p_tracking_url text, p_ownership_token text, p_selector text,
                                           p_dkim_record text, p_dkim_sealed bytea, p_webhook_key_sealed bytea,
                                           OUT status text, OUT domain_id bigint, OUT domain_status text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (SELECT FROM domain AS d
                WHERE d.account_id = p_account_id AND d.name = p_name AND d.deleted_at IS NULL) THEN
        status := 'domain exists';
        RETURN;
    END IF;
    IF p_enable AND EXISTS (SELECT FROM directory_domain AS h
                             WHERE h.name = p_name AND h.account_id <> p_account_id) THEN
        status := 'domain is held by another account';
        RETURN;
    END IF;
    INSERT INTO domain AS d (account_id, name, subdomain, tracking_base_url, ownership_token, dkim_selector,
                             dkim_record, dkim_sealed, webhook_key_sealed)
    VALUES (p_account_id, p_name, p_subdomain, p_tracking_url, p_ownership_token, p_selector, p_dkim_record,
            p_dkim_sealed, p_webhook_key_sealed)
    RETURNING d.domain_id, d.status::text INTO domain_id, domain_status;
    status := 'ok';
    IF p_enable THEN
        SELECT e.status, e.domain_status INTO status, domain_status
          FROM emailgw_api.ctl_domain_enable(p_account_id, p_name) AS e;
    END IF;
END
$$;
