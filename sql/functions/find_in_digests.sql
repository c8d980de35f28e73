-- find_in_digests: the events of days with a digest that have each of the terms, which
-- are folded, in their subject (field 1), their recipient (field 3) or any of their texts
-- (field 0). By the beginning of the newest day's texts, terms are rare or not (text_lines).
-- Planned once, not again for each call.
CREATE FUNCTION emailgw_api.find_in_digests(p_account_id bigint, p_domain_id bigint, p_days date[], p_types smallint[],
                                            p_fields smallint[], p_terms text[])
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    c_any CONSTANT integer := 0;
    c_subject CONSTANT integer := 1;
    c_recipient CONSTANT integer := 3;
    c_sample CONSTANT integer := 4000; -- characters of each text
    v_sample CONSTANT text := (SELECT left(l.subjects, c_sample) || left(l.emails, c_sample) || left(l.others, c_sample)
                                 FROM emailgw.digest_texts AS l
                                WHERE l.account_id = p_account_id AND l.domain_id = p_domain_id AND l.day = p_days[cardinality(p_days)]
                                ORDER BY l.part LIMIT 1);
    v_lines CONSTANT integer := octet_length(v_sample) - octet_length(replace(v_sample, E'\n', ''));
    v_are_rare CONSTANT boolean[] :=
        ARRAY(SELECT (octet_length(v_sample) - octet_length(replace(v_sample, t.term, ''))) / octet_length(t.term) * 4 < v_lines
                FROM unnest(p_terms) WITH ORDINALITY AS t (term, n) ORDER BY t.n);
BEGIN
    RETURN QUERY
    SELECT d.event_ids[l.line]
      FROM unnest(p_days) AS g (day)
     CROSS JOIN LATERAL ( -- || reads an array once, not again for each line
           SELECT l.event_ids || '{}' AS event_ids, l.types || '{}' AS types, l.emails, l.subjects, l.others,
                  l.email_ends || '{}' AS email_ends, l.subject_ends || '{}' AS subject_ends, l.other_ends || '{}' AS other_ends
             FROM emailgw.digest_texts AS l
            WHERE l.account_id = p_account_id AND l.domain_id = p_domain_id AND l.day = g.day
              AND NOT EXISTS (SELECT FROM unnest(p_fields, p_terms) AS t (field, term)
                               WHERE (t.field = c_recipient OR strpos(l.subjects, t.term) = 0)
                                 AND (t.field = c_subject OR strpos(l.emails, t.term) = 0)
                                 AND (t.field <> c_any OR strpos(l.others, t.term) = 0))
           OFFSET 0) AS d
     CROSS JOIN LATERAL (
           SELECT l.line
             FROM unnest(p_fields, p_terms, v_are_rare) WITH ORDINALITY AS t (field, term, is_rare, n)
            CROSS JOIN LATERAL (
                  SELECT * FROM emailgw_api.text_lines(CASE WHEN t.field <> c_recipient THEN d.subjects END, d.subject_ends, t.term, t.is_rare)
                  UNION ALL SELECT * FROM emailgw_api.text_lines(CASE WHEN t.field <> c_subject THEN d.emails END, d.email_ends, t.term, t.is_rare)
                  UNION ALL SELECT * FROM emailgw_api.text_lines(CASE WHEN t.field = c_any THEN d.others END, d.other_ends, t.term, t.is_rare)) AS l (line)
            GROUP BY l.line
           HAVING count(DISTINCT t.n) = cardinality(p_terms)) AS l
     WHERE p_types IS NULL OR d.types[l.line] = ANY (p_types);
END
$$;
