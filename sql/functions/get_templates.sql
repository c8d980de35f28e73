-- get_templates: the templates of an account, oldest first, or one of them.
--   p_template_id  that one, with its contents; NULL: p_limit of all, behind the first p_start, without
-- total is how many there are; template_id is NULL where none is in the answer.
CREATE FUNCTION emailgw_api.get_templates(p_account_id bigint, p_template_id bigint, p_start bigint, p_limit integer)
RETURNS TABLE (total bigint, template_id bigint, name text, subject text, html text, plain text,
               created_us bigint, updated_us bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT n.total, t.template_id, t.name, t.subject, t.html, t.plain,
           (extract(epoch FROM t.created_at) * 1000000)::bigint, (extract(epoch FROM t.updated_at) * 1000000)::bigint
      FROM (SELECT count(*) AS total FROM template AS a WHERE a.account_id = p_account_id) AS n
      LEFT JOIN LATERAL (
           SELECT o.template_id, o.name, o.subject, o.html, o.plain, o.created_at, o.updated_at FROM template AS o
            WHERE o.account_id = p_account_id AND o.template_id = p_template_id
           UNION ALL
          (SELECT a.template_id, a.name, a.subject, NULL, NULL, a.created_at, a.updated_at FROM template AS a
            WHERE a.account_id = p_account_id AND p_template_id IS NULL
            ORDER BY a.template_id OFFSET p_start LIMIT p_limit)) AS t ON true
     ORDER BY t.template_id
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_templates TO emailgw_module;
