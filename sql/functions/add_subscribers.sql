-- add_subscribers: puts addresses on a list, or changes those that are on it.
--   p_subscribers  [{"email", "name", "fields"}], checked before; what is missing keeps what is
--                  there. An address that stands twice is taken as it stands last
-- known is false where the account has no such list.
CREATE FUNCTION emailgw_api.add_subscribers(p_account_id bigint, p_list_id bigint, p_subscribers json,
                                            OUT known boolean, OUT added integer, OUT updated integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
BEGIN
    added := 0;
    updated := 0;
    PERFORM FROM list AS l
     WHERE l.account_id = p_account_id AND l.list_id = p_list_id AND l.deleted_at IS NULL
       FOR NO KEY UPDATE;
    known := FOUND;
    IF NOT known THEN
        RETURN;
    END IF;
    WITH given AS (
        SELECT DISTINCT ON (fold_address(g.email)) g.email, fold_address(g.email) AS address, g.name, g.fields, g.no
          FROM ROWS FROM (json_to_recordset(p_subscribers) AS (email text, name text, fields json))
               WITH ORDINALITY AS g (email, name, fields, no)
         ORDER BY fold_address(g.email), g.no DESC
    ), put AS (
        INSERT INTO subscriber AS s (account_id, list_id, email, address, name, fields)
        SELECT p_account_id, p_list_id, g.email, g.address, coalesce(g.name, o.name, ''),
               coalesce(g.fields, o.fields, '{}')
          FROM given AS g
          LEFT JOIN subscriber AS o ON o.account_id = p_account_id AND o.list_id = p_list_id AND o.address = g.address
         ORDER BY g.no
        ON CONFLICT (account_id, list_id, address) DO UPDATE
           SET email = excluded.email, name = excluded.name, fields = excluded.fields
        RETURNING s.xmax = 0 AS is_new
    )
    SELECT count(*) FILTER (WHERE p.is_new), count(*) FILTER (WHERE NOT p.is_new) INTO added, updated FROM put AS p;
    IF added > 0 THEN
        UPDATE list AS l SET subscribers = l.subscribers + added
         WHERE l.account_id = p_account_id AND l.list_id = p_list_id;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.add_subscribers TO emailgw_module;
