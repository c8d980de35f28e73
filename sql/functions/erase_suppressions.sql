-- erase_suppressions: an address on the list of an account is known there by its hash
-- alone from here on, and gets nothing more.
--   p_address  folded
--   p_add      it gets nothing from the whole account, whether it was on its list or not
CREATE FUNCTION emailgw_api.erase_suppressions(p_account_id bigint, p_address text, p_hash text, p_add boolean)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_entries bigint;
BEGIN
    WITH gone AS (
        DELETE FROM emailgw.suppression AS s WHERE s.account_id = p_account_id AND s.address = p_address
        RETURNING s.account_id, s.domain_id, s.reason, s.created_at
    ), kept AS (
        INSERT INTO emailgw.suppression (account_id, address, domain_id, reason, created_at)
        SELECT g.account_id, p_hash, g.domain_id, g.reason, g.created_at FROM gone AS g
        ON CONFLICT (account_id, address, domain_id) DO NOTHING
    )
    SELECT count(*) INTO v_entries FROM gone;
    IF p_add THEN
        INSERT INTO emailgw.suppression (account_id, address, domain_id, reason)
        VALUES (p_account_id, p_hash, 0, 'erased')
        ON CONFLICT (account_id, address, domain_id) DO NOTHING;
    END IF;
    RETURN jsonb_build_object('suppressions', v_entries);
END
$$;
