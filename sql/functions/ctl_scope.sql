-- ctl_scope: what suppression means by a domain: 0, the whole account, for NULL;
-- NULL where the account has no such domain.
CREATE FUNCTION emailgw_api.ctl_scope(p_account_id bigint, p_domain text)
RETURNS bigint
LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN p_domain IS NULL THEN 0
                ELSE (SELECT d.domain_id FROM emailgw.domain AS d
                       WHERE d.account_id = p_account_id AND d.name = p_domain AND d.deleted_at IS NULL) END
$$;
