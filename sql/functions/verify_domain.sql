-- verify_domain: stores what a look-up of a domain's records has found, and
-- enables the domain when all that are required hold.
--   p_version  records_version of what was looked up
--   p_outcome  of the required records together: 'holds', 'fails', 'unknown'
-- Nothing but a success changes the domain's status. status is 'ok', 'changed'
-- (there are other records by now: look these up), or 'domain is held by another
-- account', which verified it first. No row as of get_domain.
CREATE FUNCTION emailgw_api.verify_domain(p_account_id bigint, p_domain_id bigint, p_version integer,
                                          p_outcome text, p_verified text[], p_failed text[])
RETURNS TABLE (status text, domain_status text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_domain record;
BEGIN
    SELECT d.name, d.status, d.records_version INTO v_domain
      FROM domain AS d
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL
       FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    status := 'ok';
    domain_status := v_domain.status;
    IF v_domain.records_version <> p_version THEN
        status := 'changed';
        RETURN NEXT;
        RETURN;
    END IF;
    PERFORM emailgw_api.note_records(p_account_id, p_domain_id, p_verified, p_failed);
    IF p_outcome = 'holds' THEN
        IF emailgw_api.hold_domain(v_domain.name, p_account_id, p_domain_id) THEN
            UPDATE domain AS d
               SET status = 'Enabled', checked_at = now(), failures = 0, failing_since = NULL,
                   check_base = CASE WHEN NOT d.vouched THEN now() END
             WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id;
            domain_status := 'Enabled';
        ELSE
            status := 'domain is held by another account';
        END IF;
    END IF;
    RETURN NEXT;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.verify_domain TO emailgw_module;
