-- find_events: match_events of days, both ends included and NULL being open. Where all
-- terms are for the subject or the recipient, days that have a digest are looked up in
-- it, and only the others' events are gone through.
CREATE FUNCTION emailgw_api.find_events(p_account_id bigint, p_domain_id bigint, p_from date, p_until date,
                                        p_types smallint[], p_message_id uuid, p_fields smallint[], p_texts text[])
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_terms CONSTANT text[] := ARRAY(SELECT emailgw_api.fold_text(t) FROM unnest(p_texts) WITH ORDINALITY AS t (t, n) ORDER BY n);
    v_digested date[] := '{}';
    v_range record;
BEGIN
    IF p_message_id IS NULL AND p_fields <@ '{1,3}' THEN -- core/eventquery.h
        v_digested := ARRAY(SELECT emailgw_api.digested_days(p_account_id, p_domain_id, p_from, p_until));
    END IF;
    RETURN QUERY
    SELECT * FROM emailgw_api.find_in_digests(p_account_id, p_domain_id, v_digested, p_types, p_fields, v_terms);
    FOR v_range IN SELECT * FROM emailgw_api.undigested_ids(p_from, p_until, v_digested) LOOP
        RETURN QUERY
        SELECT * FROM emailgw_api.match_events(p_account_id, p_domain_id, v_range.low, v_range.high, p_types, p_message_id,
                                               p_fields, p_texts);
    END LOOP;
END
$$;
