-- suppressed_domain: whose the suppressions are that are kept under a domain_id (suppressed_as): the account's
-- domain that has the name now, or had it last. 0, the whole account, for 0.
CREATE FUNCTION emailgw_api.suppressed_domain(p_account_id bigint, p_kept_as bigint)
RETURNS bigint
LANGUAGE sql STABLE
AS $$
    SELECT coalesce((SELECT d.domain_id
                       FROM emailgw.domain AS k
                       JOIN emailgw.domain AS d ON d.account_id = k.account_id AND d.name = k.name
                      WHERE k.account_id = p_account_id AND k.domain_id = p_kept_as
                      ORDER BY d.deleted_at DESC NULLS FIRST, d.domain_id DESC
                      LIMIT 1), p_kept_as)
$$;
