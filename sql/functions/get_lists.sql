-- get_lists: the lists of an account, oldest first: p_limit of them behind the first p_start.
-- total is how many there are; list_id is NULL where none is in the answer.
CREATE FUNCTION emailgw_api.get_lists(p_account_id bigint, p_start bigint, p_limit integer)
RETURNS TABLE (total bigint, list_id bigint, name text, subscribers integer, created_us bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT n.total, l.list_id, l.name, l.subscribers, (extract(epoch FROM l.created_at) * 1000000)::bigint
      FROM (SELECT count(*) AS total FROM list AS a WHERE a.account_id = p_account_id AND a.deleted_at IS NULL) AS n
      LEFT JOIN LATERAL (SELECT * FROM list AS a
                          WHERE a.account_id = p_account_id AND a.deleted_at IS NULL
                          ORDER BY a.list_id OFFSET p_start LIMIT p_limit) AS l ON true
     ORDER BY l.list_id
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_lists TO emailgw_module;
