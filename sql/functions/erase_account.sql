-- erase_account: the parts of an account that are no events and no mails of somebody
-- who is erased, when all of those have been walked through: here belongs what else keeps
-- people's addresses.
--   p_pattern  address_pattern of the person's address
CREATE FUNCTION emailgw_api.erase_account(p_account_id bigint, p_address text, p_pattern text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_tags bigint;
BEGIN
    DELETE FROM emailgw.daily_count AS c WHERE c.account_id = p_account_id AND c.tag <> '' AND c.tag ~* p_pattern;
    GET DIAGNOSTICS v_tags = ROW_COUNT;
    RETURN jsonb_build_object('tag_counts', v_tags);
END
$$;
