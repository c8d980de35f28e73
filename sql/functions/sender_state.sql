-- sender_state: may a credential of this domain and account be used now, and for
-- sending? 0, or the code of the API reference: 2 the domain is gone, 12 account
-- disabled, 32 domain not active, 34 account not verified. One place for this rule;
-- inlined into the functions that use it.
CREATE FUNCTION emailgw_api.sender_state(p_domain_deleted_at timestamptz, p_domain_status emailgw.domain_status,
                                         p_account_status emailgw.account_status, p_sends boolean)
RETURNS integer
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN p_domain_deleted_at IS NOT NULL THEN 2
                WHEN p_account_status = 'disabled' THEN 12
                WHEN p_sends AND p_domain_status NOT IN ('Enabled', 'Warning') THEN 32
                WHEN p_account_status = 'unverified' THEN 34
                ELSE 0 END
$$;
