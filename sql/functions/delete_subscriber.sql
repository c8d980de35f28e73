-- delete_subscriber: an address is on a list no more, and gets nothing of what is still to be sent to it.
-- 0, 3 where the account has no such list, 4 where it is none of its subscribers.
CREATE FUNCTION emailgw_api.delete_subscriber(p_account_id bigint, p_list_id bigint, p_subscriber_id bigint)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
BEGIN
    PERFORM FROM list AS l
     WHERE l.account_id = p_account_id AND l.list_id = p_list_id AND l.deleted_at IS NULL
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 3;
    END IF;
    DELETE FROM subscriber AS s
     WHERE s.account_id = p_account_id AND s.list_id = p_list_id AND s.subscriber_id = p_subscriber_id;
    IF NOT FOUND THEN
        RETURN 4;
    END IF;
    UPDATE list AS l SET subscribers = l.subscribers - 1
     WHERE l.account_id = p_account_id AND l.list_id = p_list_id;
    RETURN 0;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.delete_subscriber TO emailgw_module;
