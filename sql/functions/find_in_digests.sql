-- find_in_digests: the events of days with a digest that have each of the terms, which
-- are folded, in their subject (field 1), their recipient (field 3) or any of their texts
-- (field 0).
-- Planned once, not again for each part of a digest.
CREATE FUNCTION emailgw_api.find_in_digests(p_account_id bigint, p_domain_id bigint, p_days date[], p_types smallint[],
                                            p_fields smallint[], p_terms text[])
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    c_any CONSTANT integer := 0;
    c_subject CONSTANT integer := 1;
    c_recipient CONSTANT integer := 3;
    v_part record;
    v_ids uuid[];
    v_types smallint[];
BEGIN
    FOR v_part IN
        SELECT d.event_ids, d.types, d.emails, d.subjects, d.others
          FROM unnest(p_days) AS g (day)
         CROSS JOIN LATERAL (SELECT l.* FROM emailgw.digest_texts AS l
                              WHERE l.account_id = p_account_id AND l.domain_id = p_domain_id AND l.day = g.day OFFSET 0) AS d
         WHERE NOT EXISTS (SELECT FROM unnest(p_fields, p_terms) AS t (field, term)
                            WHERE (t.field = c_recipient OR strpos(d.subjects, t.term) = 0)
                              AND (t.field = c_subject OR strpos(d.emails, t.term) = 0)
                              AND (t.field <> c_any OR strpos(d.others, t.term) = 0))
    LOOP
        v_ids := v_part.event_ids; -- here once, not again for each line
        v_types := v_part.types;
        RETURN QUERY
        SELECT v_ids[l.line]
          FROM unnest(p_fields, p_terms) WITH ORDINALITY AS t (field, term, n)
         CROSS JOIN LATERAL (
               SELECT * FROM emailgw_api.text_lines(CASE WHEN t.field <> c_recipient THEN v_part.subjects END, t.term)
               UNION ALL SELECT * FROM emailgw_api.text_lines(CASE WHEN t.field <> c_subject THEN v_part.emails END, t.term)
               UNION ALL SELECT * FROM emailgw_api.text_lines(CASE WHEN t.field = c_any THEN v_part.others END, t.term)) AS l (line)
         WHERE p_types IS NULL OR v_types[l.line] = ANY (p_types)
         GROUP BY l.line
        HAVING count(DISTINCT t.n) = cardinality(p_terms);
    END LOOP;
END
$$;
