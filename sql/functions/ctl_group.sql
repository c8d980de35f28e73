-- ctl_group: the id of a group, made without limits where it is missing; NULL for NULL.
CREATE FUNCTION emailgw_api.ctl_group(p_name text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT
AS $$
DECLARE
    v_group_id bigint;
BEGIN
    INSERT INTO emailgw.account_group (name) VALUES (p_name) ON CONFLICT (name) DO NOTHING;
    SELECT g.group_id INTO v_group_id FROM emailgw.account_group AS g WHERE g.name = p_name;
    RETURN v_group_id;
END
$$;
