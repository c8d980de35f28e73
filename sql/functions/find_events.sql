-- find_events: match_events of days, both ends included and NULL being open. Where all
-- terms are for the subject or the recipient, days that have a digest are looked up in
-- it, and only the others' events are gone through.
CREATE FUNCTION emailgw_api.find_events(p_account_id bigint, p_domain_id bigint, p_from date, p_until date,
                                        p_types smallint[], p_message_id uuid, p_fields smallint[], p_texts text[])
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    c_subject CONSTANT integer := 1; -- core/eventquery.h
    v_terms CONSTANT text[] := ARRAY(SELECT emailgw_api.fold_text(t) FROM unnest(p_texts) WITH ORDINALITY AS t (t, n) ORDER BY n);
    v_digested date[] := '{}';
    v_part record;
    v_range record;
    v_ids uuid[];
    v_types smallint[];
BEGIN
    IF p_message_id IS NULL AND p_fields <@ '{1,3}' THEN
        v_digested := ARRAY(SELECT emailgw_api.digested_days(p_account_id, p_domain_id, p_from, p_until));
    END IF;
    FOR v_part IN
        SELECT d.event_ids, d.types, d.emails, d.subjects
          FROM emailgw.digest_texts AS d
         WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.day = ANY (v_digested)
           AND NOT EXISTS (SELECT FROM unnest(p_fields, v_terms) AS t (field, term)
                            WHERE strpos(CASE t.field WHEN c_subject THEN d.subjects ELSE d.emails END, t.term) = 0)
    LOOP
        v_ids := v_part.event_ids; -- here once, not again for each line
        v_types := v_part.types;
        RETURN QUERY
        SELECT v_ids[l.line]
          FROM unnest(p_fields, v_terms) AS t (field, term)
         CROSS JOIN LATERAL emailgw_api.text_lines(CASE t.field WHEN c_subject THEN v_part.subjects ELSE v_part.emails END, t.term)
               AS l (line)
         WHERE p_types IS NULL OR v_types[l.line] = ANY (p_types)
         GROUP BY l.line
        HAVING count(*) = cardinality(v_terms);
    END LOOP;
    FOR v_range IN SELECT * FROM emailgw_api.undigested_ids(p_from, p_until, v_digested) LOOP
        RETURN QUERY
        SELECT * FROM emailgw_api.match_events(p_account_id, p_domain_id, v_range.low, v_range.high, p_types, p_message_id,
                                               p_fields, p_texts);
    END LOOP;
END
$$;
