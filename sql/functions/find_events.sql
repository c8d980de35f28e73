-- find_events: match_events of days, both ends included and NULL being open. Where all
-- terms are for the subject, the recipient or any text, days that have a digest are looked
-- up in it, and only the others' events are gone through. Message ids are no part of a
-- digest: a word that can be in one is not looked up there.
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
    IF p_message_id IS NULL AND p_fields <@ '{0,1,3}' -- core/eventquery.h
       AND NOT EXISTS (SELECT FROM unnest(p_fields, v_terms) AS t (field, term) WHERE t.field = 0 AND t.term ~ '^[0-9a-f-]*$') THEN
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
