-- get_domains: the sender domains of an account, by name.
CREATE FUNCTION emailgw_api.get_domains(p_account_id bigint)
RETURNS TABLE (domain_id bigint, name text, verified boolean, active boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT d.domain_id, d.name, s.holds, s.holds
      FROM domain AS d
     CROSS JOIN LATERAL (SELECT d.status IN ('Enabled', 'Warning') AS holds) AS s
     WHERE d.account_id = p_account_id AND d.deleted_at IS NULL
     ORDER BY d.name
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_domains TO emailgw_module;
