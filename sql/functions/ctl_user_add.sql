-- ctl_user_add: a new account with its user name, in a group that is made where missing.
CREATE FUNCTION emailgw_api.ctl_user_add(p_username text, p_email text, p_password_hash text, p_group text,
                                         p_status text, OUT status text, OUT account_id bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO directory_username AS u (username, account_id)
    VALUES (p_username, nextval('account_id_seq'))
    ON CONFLICT (username) DO NOTHING
    RETURNING u.account_id INTO account_id;
    IF NOT FOUND THEN
        status := 'user name taken';
        RETURN;
    END IF;
    INSERT INTO account (account_id, username, email, password_hash, status, group_id)
    VALUES (account_id, p_username, p_email, p_password_hash, p_status::account_status,
            emailgw_api.ctl_group(p_group));
    status := 'ok';
END
$$;
