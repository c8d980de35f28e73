-- ctl_lock_domain: an account's domain by its name, locked against other changes of
-- it; all NULL where there is none.
CREATE FUNCTION emailgw_api.ctl_lock_domain(p_account_id bigint, p_name text)
RETURNS emailgw.domain
LANGUAGE sql VOLATILE
AS $$
    SELECT d FROM emailgw.domain AS d
     WHERE d.account_id = p_account_id AND d.name = p_name AND d.deleted_at IS NULL
       FOR NO KEY UPDATE
$$;
