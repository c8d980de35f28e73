-- delete_list: a list is no more, and what is being sent to it ends (list_job_fate).
-- Takes as long for no subscriber as for a million: purge_lists takes them away.
-- Whether the account has such a list.
CREATE FUNCTION emailgw_api.delete_list(p_account_id bigint, p_list_id bigint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
BEGIN
    UPDATE list AS l SET deleted_at = now()
     WHERE l.account_id = p_account_id AND l.list_id = p_list_id AND l.deleted_at IS NULL;
    RETURN FOUND;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.delete_list TO emailgw_module;
