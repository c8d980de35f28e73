-- suppressed_as: the domain_id that a domain's suppressions are kept under, which is the same for all domains that
-- the account has had of its name. So they outlive it: a domain that is added again has them at once, however
-- many they are, and who leaves by a mail of a former one is on the same list. 0, the whole account, for 0; NULL
-- where the account never had such a domain.
CREATE FUNCTION emailgw_api.suppressed_as(p_account_id bigint, p_domain_id bigint)
RETURNS bigint
LANGUAGE sql STABLE
AS $$
    SELECT CASE p_domain_id
           WHEN 0 THEN 0
           ELSE (SELECT coalesce(d.suppressed_as, d.domain_id) FROM emailgw.domain AS d
                  WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id) END
$$;
