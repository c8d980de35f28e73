-- note_records: what a look-up of a domain's records has found out. Purposes of
-- which nobody could say anything are in neither list and stay as they were.
CREATE FUNCTION emailgw_api.note_records(p_account_id bigint, p_domain_id bigint, p_verified text[], p_failed text[])
RETURNS void
LANGUAGE sql VOLATILE
AS $$
    UPDATE emailgw.domain AS d
       SET records_verified = ARRAY(SELECT r FROM unnest(d.records_verified) AS r WHERE r <> ALL (p_failed)
                                    UNION SELECT r FROM unnest(p_verified) AS r ORDER BY 1),
           records_failed = ARRAY(SELECT r FROM unnest(d.records_failed) AS r WHERE r <> ALL (p_verified)
                                  UNION SELECT r FROM unnest(p_failed) AS r ORDER BY 1)
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id
$$;
