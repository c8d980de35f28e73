-- delete_template: what was sent with it, and what waits for a list to be sent to, stays as it is.
-- Whether the account has such a template.
CREATE FUNCTION emailgw_api.delete_template(p_account_id bigint, p_template_id bigint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
BEGIN
    DELETE FROM template AS t WHERE t.account_id = p_account_id AND t.template_id = p_template_id;
    RETURN FOUND;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.delete_template TO emailgw_module;
