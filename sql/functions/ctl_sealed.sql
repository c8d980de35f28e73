-- ctl_sealed: values that are sealed by another key of the secret than p_key_id, at
-- most p_limit, in order behind the given one.
CREATE FUNCTION emailgw_api.ctl_sealed(p_key_id integer, p_kind text, p_account_id bigint, p_id bigint,
                                       p_limit integer)
RETURNS TABLE (kind text, account_id bigint, id bigint, sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT s.kind, s.account_id, s.id, s.sealed
      FROM (SELECT 'account' AS kind, a.account_id, a.account_id AS id, a.api_key_sealed AS sealed FROM account AS a
             UNION ALL
            SELECT 'key', k.account_id, k.api_key_id, k.key_sealed FROM api_key AS k
             UNION ALL
            SELECT 'webhook', d.account_id, d.domain_id, d.webhook_key_sealed FROM domain AS d
             UNION ALL
            SELECT 'webhook before', d.account_id, d.domain_id, d.former_webhook_key_sealed FROM domain AS d) AS s
     WHERE get_byte(s.sealed, 0) <> p_key_id AND (s.kind, s.account_id, s.id) > (p_kind, p_account_id, p_id)
     ORDER BY s.kind, s.account_id, s.id
     LIMIT p_limit
$$;
