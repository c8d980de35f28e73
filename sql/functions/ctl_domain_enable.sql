-- ctl_domain_enable: lets a domain send without a look at its DNS, now and later:
-- the operator vouches for it. Only one account can hold a name.
CREATE FUNCTION emailgw_api.ctl_domain_enable(p_account_id bigint, p_name text,
                                              OUT status text, OUT domain_id bigint, OUT domain_status text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    SELECT d.domain_id, d.status::text INTO domain_id, domain_status
      FROM domain AS d
     WHERE d.account_id = p_account_id AND d.name = p_name AND d.deleted_at IS NULL
       FOR UPDATE;
    IF NOT FOUND THEN
        status := 'unknown domain';
        RETURN;
    END IF;
    IF NOT emailgw_api.hold_domain(p_name, p_account_id, domain_id) THEN
        status := 'domain is held by another account';
        RETURN;
    END IF;
    UPDATE domain AS d
       SET status = 'Enabled', vouched = true, failures = 0, failing_since = NULL, check_base = NULL
     WHERE d.account_id = p_account_id AND d.domain_id = ctl_domain_enable.domain_id;
    domain_status := 'Enabled';
    status := 'ok';
END
$$;
