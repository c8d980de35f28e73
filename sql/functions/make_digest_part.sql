-- make_digest_part: goes on with the digest of one domain's day, by p_limit events; a day may
-- have millions. It is not believed before it is whole, and what comes meanwhile to where
-- it has been already is missing in its count, as what comes after it: see digested_days.
CREATE FUNCTION emailgw_api.make_digest_part(p_account_id bigint, p_domain_id bigint, p_day date, p_limit integer)
RETURNS boolean -- is it whole now?
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off
AS $$
DECLARE
    v_ids record;
    v_low uuid;
    v_next uuid;
    v_added bigint;
BEGIN
    SELECT * INTO v_ids FROM emailgw_api.ids_of_days(p_day, p_day);
    INSERT INTO emailgw.digest (account_id, domain_id, day, events, made_until)
    VALUES (p_account_id, p_domain_id, p_day, 0, v_ids.low)
    ON CONFLICT (account_id, domain_id, day) DO NOTHING;
    SELECT d.made_until INTO v_low FROM emailgw.digest AS d
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.day = p_day FOR NO KEY UPDATE;
    IF v_low IS NULL THEN
        RETURN true;
    END IF;
    SELECT e.event_id INTO v_next FROM emailgw.event AS e
     WHERE e.account_id = p_account_id AND e.domain_id = p_domain_id AND e.event_id >= v_low AND e.event_id < v_ids.high
     ORDER BY e.event_id OFFSET p_limit LIMIT 1;
    v_added := emailgw_api.add_to_digest(p_account_id, p_domain_id, p_day, v_low, coalesce(v_next, v_ids.high));
    UPDATE emailgw.digest AS d SET events = d.events + v_added, made_until = v_next
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.day = p_day;
    RETURN v_next IS NULL;
END
$$;
