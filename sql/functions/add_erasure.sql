-- add_erasure: somebody is to be erased from an account; gets nothing from it from here on.
--   p_address  as it is now; p_hash what it is known by afterwards (core/addresshash.h)
--   p_sealed   the address under the instance's secret, for those who erase it
-- status is 0, or 3: c_most are not done yet.
CREATE FUNCTION emailgw_api.add_erasure(p_account_id bigint, p_address text, p_hash text, p_sealed bytea,
                                        OUT status integer, OUT erasure_id bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    c_most CONSTANT integer := 100;
BEGIN
    status := CASE WHEN p_account_id <> 0
                        AND (SELECT count(*) FROM erasure AS e
                              WHERE e.account_id = p_account_id AND e.finished_at IS NULL) >= c_most THEN 3 ELSE 0 END;
    IF status = 0 THEN
        INSERT INTO erasure AS e (account_id, address_sealed) VALUES (p_account_id, p_sealed)
        RETURNING e.erasure_id INTO erasure_id;
        PERFORM emailgw_api.erase_suppressions(p_account_id, fold_address(p_address), p_hash, true);
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.add_erasure TO emailgw_module;
