-- find_in_digests: the events of days with a digest whose subject (field 1) or recipient
-- (field 3) has each of the terms in it, which are folded.
-- Planned once, not again for each part of a digest.
CREATE FUNCTION emailgw_api.find_in_digests(p_account_id bigint, p_domain_id bigint, p_days date[], p_types smallint[],
                                            p_fields smallint[], p_terms text[])
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    c_subject CONSTANT integer := 1;
    v_part record;
    v_ids uuid[];
    v_types smallint[];
BEGIN
    FOR v_part IN
        SELECT d.event_ids, d.types, d.emails, d.subjects
          FROM unnest(p_days) AS g (day)
         CROSS JOIN LATERAL (SELECT l.* FROM emailgw.digest_texts AS l
                              WHERE l.account_id = p_account_id AND l.domain_id = p_domain_id AND l.day = g.day OFFSET 0) AS d
         WHERE NOT EXISTS (SELECT FROM unnest(p_fields, p_terms) AS t (field, term)
                            WHERE strpos(CASE t.field WHEN c_subject THEN d.subjects ELSE d.emails END, t.term) = 0)
    LOOP
        v_ids := v_part.event_ids; -- here once, not again for each line
        v_types := v_part.types;
        RETURN QUERY
        SELECT v_ids[l.line]
          FROM unnest(p_fields, p_terms) AS t (field, term)
         CROSS JOIN LATERAL emailgw_api.text_lines(CASE t.field WHEN c_subject THEN v_part.subjects ELSE v_part.emails END, t.term)
               AS l (line)
         WHERE p_types IS NULL OR v_types[l.line] = ANY (p_types)
         GROUP BY l.line
        HAVING count(*) = cardinality(p_terms);
    END LOOP;
END
$$;
