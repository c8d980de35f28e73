-- add_api: gives one domain a new sender key.
--   p_key_hash     SHA-256 of the key: what a request is looked up by
--   p_key_sealed   the key sealed under the instance's secret: what GetAPIs can show again
--   p_permissions  of send,webhooks,events, in that order; NULL is all
--   p_list_id .. p_action_id  stamped on what is sent with the key, NULL is none
--   p_limit        keys that a domain may have
-- status is 0, 3 where there is no such domain, 112 where it has p_limit of them.
CREATE FUNCTION emailgw_api.add_api(p_account_id bigint, p_domain_id bigint, p_description text,
                                    p_key_hash bytea, p_key_sealed bytea, p_permissions text,
                                    p_list_id bigint, p_subscriber_id bigint, p_journey_id bigint, p_action_id bigint,
                                    p_limit integer,
                                    OUT status integer, OUT api_key_id bigint, OUT permissions text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    -- Who adds to a domain waits for others who do, so that all count the same keys.
    PERFORM FROM domain AS d
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL
       FOR NO KEY UPDATE;
    status := CASE WHEN NOT FOUND THEN 3
                   WHEN (SELECT count(*) FROM api_key AS k
                          WHERE k.account_id = p_account_id AND k.domain_id = p_domain_id
                            AND k.deleted_at IS NULL) >= p_limit THEN 112
                   ELSE 0 END;
    IF status = 0 THEN
        INSERT INTO api_key AS k (account_id, domain_id, description, key_hash, key_sealed, permissions, list_id,
                                  subscriber_id, journey_id, action_id)
        VALUES (p_account_id, p_domain_id, p_description, p_key_hash, p_key_sealed,
                coalesce(p_permissions, 'send,webhooks,events'), p_list_id, p_subscriber_id, p_journey_id, p_action_id)
        RETURNING k.api_key_id, k.permissions INTO api_key_id, permissions;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.add_api TO emailgw_module;
