-- delete_suppression: an address gets mail again, as far as this entry was the reason.
--   p_domain_id  the entry of this domain, which may be deleted; NULL: the one of the whole account
--   p_hashes     as in suppressions_of
-- 0, 3 where there never was such a domain, 4 no such entry, 5 it is there because the
-- recipient complained: that is the operator's to undo.
CREATE FUNCTION emailgw_api.delete_suppression(p_account_id bigint, p_domain_id bigint, p_address text, p_hashes text)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    v_kept_as CONSTANT bigint := emailgw_api.suppressed_as(p_account_id, coalesce(p_domain_id, 0));
    v_reasons text[];
BEGIN
    IF v_kept_as IS NULL THEN
        RETURN 3;
    END IF;
    WITH found AS (
        SELECT s.account_id, s.address, s.domain_id, s.reason FROM suppression AS s
         WHERE s.account_id = p_account_id AND s.domain_id = v_kept_as
           AND s.address = ANY (fold_address(p_address) || string_to_array(p_hashes, ' '))
           FOR UPDATE
    ), gone AS (
        DELETE FROM suppression AS s USING found AS f
         WHERE s.account_id = f.account_id AND s.address = f.address AND s.domain_id = f.domain_id
           AND NOT EXISTS (SELECT FROM found AS c WHERE c.reason = 'complaint')
    )
    SELECT array_agg(f.reason) INTO v_reasons FROM found AS f;
    RETURN CASE WHEN v_reasons IS NULL THEN 4 WHEN 'complaint' = ANY (v_reasons) THEN 5 ELSE 0 END;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.delete_suppression TO emailgw_module;
