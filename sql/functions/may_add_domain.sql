-- may_add_domain: could this account have this domain too? A look before keys are
-- made; add_domain looks again.
-- status is 'ok', 'domain exists', 'domain is held by another account' or 'domain
-- limit reached'; detail then says whose limit it is, and how much.
CREATE FUNCTION emailgw_api.may_add_domain(p_account_id bigint, p_name text, OUT status text, OUT detail text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    v_limits record;
BEGIN
    IF EXISTS (SELECT FROM domain AS d
                WHERE d.account_id = p_account_id AND d.name = p_name AND d.deleted_at IS NULL) THEN
        status := 'domain exists';
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM directory_domain AS h WHERE h.name = p_name AND h.account_id <> p_account_id) THEN
        status := 'domain is held by another account';
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
    status := 'ok';
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.may_add_domain TO emailgw_module;
