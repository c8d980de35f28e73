-- get_erasure: how far it is with erasing somebody. No row where the account has no such
-- erasure.
--   templates  those that told of the person when they were looked at, and that there still
--              are: [{"template_id", "name", "user"}]
CREATE FUNCTION emailgw_api.get_erasure(p_account_id bigint, p_erasure_id bigint)
RETURNS TABLE (state text, counts jsonb, created_us bigint, finished_us bigint, templates jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT CASE WHEN e.finished_at IS NOT NULL THEN 'done' WHEN e.at_account_id = 0 AND e.counts = '{}' THEN 'queued'
                ELSE 'running' END,
           e.counts, (extract(epoch FROM e.created_at) * 1000000)::bigint,
           (extract(epoch FROM e.finished_at) * 1000000)::bigint,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('template_id', t.template_id, 'name', t.name, 'user', a.username)
                                      ORDER BY t.template_id), '[]')
              FROM template AS t JOIN account AS a ON a.account_id = t.account_id
             WHERE t.template_id = ANY (e.template_ids) AND e.account_id IN (0, t.account_id))
      FROM erasure AS e
     WHERE e.account_id = p_account_id AND e.erasure_id = p_erasure_id
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_erasure TO emailgw_module;
