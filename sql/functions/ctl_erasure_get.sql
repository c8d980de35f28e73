-- ctl_erasure_get: get_erasure for the operator; status is unknown erasure where there is none.
CREATE FUNCTION emailgw_api.ctl_erasure_get(p_account_id bigint, p_erasure_id bigint)
RETURNS TABLE (status text, state text, counts jsonb, templates jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT CASE WHEN g.state IS NULL THEN 'unknown erasure' ELSE 'ok' END, g.state, g.counts, g.templates
      FROM (SELECT) AS always
      LEFT JOIN emailgw_api.get_erasure(p_account_id, p_erasure_id) AS g ON true
$$;
