-- ctl_domain_enable: lets a domain send without a look at its DNS. Only one
-- account can hold a name.
CREATE FUNCTION emailgw_api.ctl_domain_enable(p_account_id bigint, p_name text,
                                              OUT status text, OUT domain_id bigint, OUT domain_status text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_holder bigint;
BEGIN
    SELECT d.domain_id, d.status::text INTO domain_id, domain_status
      FROM domain AS d
     WHERE d.account_id = p_account_id AND d.name = p_name AND d.deleted_at IS NULL
       FOR UPDATE;
    IF NOT FOUND THEN
        status := 'unknown domain';
        RETURN;
    END IF;
    INSERT INTO directory_domain AS h (name, account_id, domain_id)
    VALUES (p_name, p_account_id, domain_id)
    ON CONFLICT (name) DO UPDATE SET domain_id = excluded.domain_id WHERE h.account_id = excluded.account_id
    RETURNING h.account_id INTO v_holder;
    IF v_holder IS NULL THEN
        status := 'domain is held by another account';
        RETURN;
    END IF;
    UPDATE domain AS d SET status = 'Enabled'
     WHERE d.account_id = p_account_id AND d.domain_id = ctl_domain_enable.domain_id;
    domain_status := 'Enabled';
    status := 'ok';
END
$$;
