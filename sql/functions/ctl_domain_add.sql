-- ctl_domain_add: a sender domain with its DKIM key. With p_enable it may send
-- at once: the operator vouches for it, and no other account may hold the name.
-- detail says whose limit was reached, and what it is.
CREATE FUNCTION emailgw_api.ctl_domain_add(p_account_id bigint, p_name text, p_enable boolean, p_subdomain text,
                                           p_tracking_url text, p_ownership_token text, p_selector text,
                                           p_dkim_record text, p_dkim_sealed bytea, p_webhook_key_sealed bytea,
                                           OUT status text, OUT domain_id bigint, OUT domain_status text,
                                           OUT detail text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_limits record;
BEGIN
    -- Who adds to an account waits for others who do, so that all count the same domains.
    PERFORM FROM account AS a WHERE a.account_id = p_account_id FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM domain AS d
                WHERE d.account_id = p_account_id AND d.name = p_name AND d.deleted_at IS NULL) THEN
        status := 'domain exists';
        RETURN;
    END IF;
    SELECT * INTO v_limits FROM emailgw_api.account_limits(p_account_id);
    IF v_limits.max_domains <= (SELECT count(*) FROM domain AS d
                                 WHERE d.account_id = p_account_id AND d.deleted_at IS NULL) THEN
        status := 'domain limit reached';
        detail := CASE WHEN 'domains' = ANY (v_limits.own_limits) THEN 'the account''s own limit'
                       ELSE format('the limit of group %s', v_limits.group_name) END
                  || format(' is %s', v_limits.max_domains);
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
