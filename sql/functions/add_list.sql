-- add_list: a new list of an account, without subscribers.
--   p_limit  lists that an account may have
-- status is 0, or 112 where it has p_limit of them.
CREATE FUNCTION emailgw_api.add_list(p_account_id bigint, p_name text, p_limit integer,
                                     OUT status integer, OUT list_id bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    -- Who adds waits for others who do, so that all count the same ones.
    PERFORM FROM account AS a WHERE a.account_id = p_account_id FOR NO KEY UPDATE;
    status := CASE WHEN (SELECT count(*) FROM list AS l
                          WHERE l.account_id = p_account_id AND l.deleted_at IS NULL) >= p_limit THEN 112
                   ELSE 0 END;
    IF status = 0 THEN
        INSERT INTO list AS l (account_id, name) VALUES (p_account_id, p_name) RETURNING l.list_id INTO list_id;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.add_list TO emailgw_module;
