-- put_suppressions: addresses that get nothing more from an account or one of its
-- domains, by the account's own wish. An entry that is there already stays as it is,
-- whatever the reason given now, and so does one of an address that was erased.
--   p_domain_id  NULL: all of the account's
--   p_addresses .. p_reasons  one element each; hashes as in suppressions_of
-- status is 0, or 3 where there is no such domain.
CREATE FUNCTION emailgw_api.put_suppressions(p_account_id bigint, p_domain_id bigint, p_addresses text[], p_hashes text[],
                                             p_reasons text[], OUT status integer, OUT added integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_kept_as CONSTANT bigint := emailgw_api.suppressed_as(p_account_id, coalesce(p_domain_id, 0));
BEGIN
    added := 0;
    status := CASE WHEN p_domain_id IS NULL
                        OR EXISTS (SELECT FROM domain AS d
                                    WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id
                                      AND d.deleted_at IS NULL) THEN 0 ELSE 3 END;
    IF status <> 0 THEN
        RETURN;
    END IF;
    -- In the order of their keys: two that put the same ones wait for each other at most.
    INSERT INTO suppression (account_id, address, domain_id, reason)
    SELECT DISTINCT ON (a.address) p_account_id, a.address, v_kept_as, g.reason
      FROM unnest(p_addresses, p_hashes, p_reasons) WITH ORDINALITY AS g (address, hashes, reason, n)
     CROSS JOIN LATERAL fold_address(g.address) AS a (address)
     WHERE NOT EXISTS (SELECT FROM unnest(string_to_array(g.hashes, ' ')) AS h (hash)
                        CROSS JOIN LATERAL (SELECT FROM suppression AS s
                                             WHERE s.account_id = p_account_id AND s.address = h.hash
                                               AND s.domain_id = v_kept_as OFFSET 0) AS s)
     ORDER BY a.address, g.n
    ON CONFLICT (account_id, address, domain_id) DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.put_suppressions TO emailgw_module;
