-- delete_domain: a domain is no more: its keys, SMTP credentials and webhooks,
-- which all look at deleted_at, stop at once, its queue is cut off, and its name is
-- free for any account. Events stay until their retention ends, and suppressions for a
-- domain of this name that the account may add again (suppressed_as).
-- Whether the account has such a domain.
CREATE FUNCTION emailgw_api.delete_domain(p_account_id bigint, p_domain_id bigint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET lock_timeout = '1s' -- while it waits for a claim, no other claim begins
AS $$
DECLARE
    v_name text;
BEGIN
    UPDATE domain AS d SET deleted_at = now(), webhook_events = '{}'
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL
    RETURNING d.name INTO v_name;
    IF v_name IS NULL THEN
        RETURN false;
    END IF;
    PERFORM emailgw_api.release_domain(v_name, p_account_id, p_domain_id);
    PERFORM emailgw_api.cut_off_queue(p_account_id, p_domain_id);
    RETURN true;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.delete_domain TO emailgw_module;
