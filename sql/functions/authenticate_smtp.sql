-- authenticate_smtp: may somebody with this user name and password hand in mail now?
-- One row always: status is 0, 13 for a wrong id or password, or as sender_state.
CREATE FUNCTION emailgw_api.authenticate_smtp(p_account_id bigint, p_smtp_id bigint, p_password_hash bytea,
                                              OUT status integer, OUT domain_id bigint, OUT domain_name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    SELECT s.status, s.domain_id, s.domain_name INTO status, domain_id, domain_name
      FROM emailgw_api.smtp_sender(p_account_id, p_smtp_id, p_password_hash) AS s;
    status := coalesce(status, 13);
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.authenticate_smtp TO emailgw_module;
