-- erase_in_text: a text in which what a pattern (address_pattern) finds is erased. Line by
-- line, where its letters (address_letters) are: the pattern itself takes ten times as long,
-- and texts may have megabytes.
CREATE FUNCTION emailgw_api.erase_in_text(p_text text, p_letters text, p_pattern text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT CASE WHEN p_text ~* p_letters
                THEN (SELECT string_agg(CASE WHEN l.line ~* p_letters THEN emailgw_api.erase_found(l.line, p_pattern)
                                             ELSE l.line END, E'\n' ORDER BY l.no)
                        FROM string_to_table(p_text, E'\n') WITH ORDINALITY AS l (line, no))
                ELSE p_text END
$$;
