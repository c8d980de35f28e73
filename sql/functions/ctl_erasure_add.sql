-- ctl_erasure_add: add_erasure by the operator: from one account, or with 0 from all.
CREATE FUNCTION emailgw_api.ctl_erasure_add(p_account_id bigint, p_address text, p_hash text, p_sealed bytea,
                                            OUT status text, OUT erasure_id bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT CASE a.status WHEN 0 THEN 'ok' ELSE 'too many erasures of this user are not done yet' END, a.erasure_id
      FROM emailgw_api.add_erasure(p_account_id, p_address, p_hash, p_sealed) AS a
$$;
