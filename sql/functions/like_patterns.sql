-- like_patterns: the terms for one field as patterns for LIKE ALL: each text as it
-- stands, folded, between two pieces of pattern.
CREATE FUNCTION emailgw_api.like_patterns(p_fields smallint[], p_texts text[], p_field integer, p_before text,
                                          p_after text)
RETURNS text[]
LANGUAGE sql IMMUTABLE
AS $$
    SELECT coalesce(array_agg(p_before || regexp_replace(emailgw_api.fold_text(t.text), '([\\%_])', '\\\1', 'g')
                              || p_after), '{}')
      FROM unnest(p_fields, p_texts) AS t (field, text)
     WHERE t.field = p_field
$$;
