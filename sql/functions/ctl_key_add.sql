-- ctl_key_add: add_api for the domain of a name.
CREATE FUNCTION emailgw_api.ctl_key_add(p_account_id bigint, p_domain text, p_description text, p_key_hash bytea,
                                        p_key_sealed bytea, p_limit integer, OUT status text, OUT api_key_id bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT CASE a.status WHEN 0 THEN 'ok' WHEN 3 THEN 'unknown domain'
                         ELSE 'the domain has ' || p_limit || ' keys, which is the most' END, a.api_key_id
      FROM emailgw_api.add_api(p_account_id, emailgw_api.ctl_scope(p_account_id, p_domain), p_description, p_key_hash,
                               p_key_sealed, NULL, NULL, NULL, NULL, NULL, p_limit) AS a
$$;
