-- text_lines: the numbers, from 1 on, of the lines of a text that have a term in them.
-- The text begins and ends with a line feed, the term has none in it.
CREATE FUNCTION emailgw_api.text_lines(p_text text, p_term text)
RETURNS TABLE (line integer)
LANGUAGE sql IMMUTABLE
AS $$
    SELECT l.n::integer - 1
      FROM string_to_table(p_text, E'\n') WITH ORDINALITY AS l (line, n)
     WHERE strpos(l.line, p_term) > 0
$$;
