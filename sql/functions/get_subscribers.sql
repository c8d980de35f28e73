-- get_subscribers: those of a list in the order of their ids, p_limit of them behind p_after.
--   p_email  only the one of this address; NULL: any
-- total is how many of these are on the list, behind p_after or not. No row is a list that does not exist;
-- subscriber_id is NULL where none is in the answer.
CREATE FUNCTION emailgw_api.get_subscribers(p_account_id bigint, p_list_id bigint, p_email text, p_after bigint,
                                            p_limit integer)
RETURNS TABLE (total integer, subscriber_id bigint, email text, name text, fields json, created_us bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT CASE WHEN p_email IS NULL THEN l.subscribers
                ELSE (SELECT count(*)::integer FROM subscriber AS o
                       WHERE o.account_id = l.account_id AND o.list_id = l.list_id AND o.address = fold_address(p_email)) END,
           s.subscriber_id, s.email, s.name, s.fields, (extract(epoch FROM s.created_at) * 1000000)::bigint
      FROM list AS l
      LEFT JOIN LATERAL (
          (SELECT * FROM subscriber AS o
            WHERE o.account_id = l.account_id AND o.list_id = l.list_id AND o.subscriber_id > p_after
              AND p_email IS NULL
            ORDER BY o.subscriber_id LIMIT p_limit)
           UNION ALL
           SELECT * FROM subscriber AS o
            WHERE o.account_id = l.account_id AND o.list_id = l.list_id AND o.subscriber_id > p_after
              AND o.address = fold_address(p_email)) AS s ON true
     WHERE l.account_id = p_account_id AND l.list_id = p_list_id AND l.deleted_at IS NULL
     ORDER BY s.subscriber_id
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_subscribers TO emailgw_module;
