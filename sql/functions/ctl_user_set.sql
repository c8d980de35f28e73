-- ctl_user_set: changes an account; NULL keeps what is there. A new password and
-- a disabled account end its sessions.
CREATE FUNCTION emailgw_api.ctl_user_set(p_username text, p_status text, p_email text, p_password_hash text,
                                         p_group text, OUT status text, OUT account_id bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    UPDATE account AS a
       SET status = coalesce(p_status::account_status, a.status),
           email = coalesce(p_email, a.email),
           password_hash = coalesce(p_password_hash, a.password_hash),
           group_id = coalesce(emailgw_api.ctl_group(p_group), a.group_id)
      FROM directory_username AS u
     WHERE u.username = p_username AND a.account_id = u.account_id
    RETURNING a.account_id INTO account_id;
    status := CASE WHEN FOUND THEN 'ok' ELSE 'unknown user' END;
    IF p_password_hash IS NOT NULL OR p_status = 'disabled' THEN
        DELETE FROM session AS s WHERE s.account_id = ctl_user_set.account_id;
    END IF;
END
$$;
