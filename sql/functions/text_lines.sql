-- text_lines: the numbers, from 1 on, of the lines of a text that have a term in them,
-- some of them more than once. The text begins and ends with a line feed, the term has
-- none in it.
--   p_ends     how many octets of the text there are up to the end of each line
--   p_is_rare  whether far fewer lines have it than not: then the text is cut at the term
CREATE FUNCTION emailgw_api.text_lines(p_text text, p_ends integer[], p_term text, p_is_rare boolean)
RETURNS TABLE (line integer)
LANGUAGE sql IMMUTABLE
AS $$
    SELECT width_bucket(c.place::integer, p_ends) + 1
      FROM (SELECT p.n, sum(octet_length(p.piece) + octet_length(p_term))
                            OVER (ORDER BY p.n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS place
              FROM string_to_table(CASE WHEN p_is_rare THEN p_text END, p_term) WITH ORDINALITY AS p (piece, n)) AS c
     WHERE c.n > 1
    UNION ALL
    SELECT l.n::integer - 1
      FROM string_to_table(CASE WHEN NOT p_is_rare THEN p_text END, E'\n') WITH ORDINALITY AS l (line, n)
     WHERE strpos(l.line, p_term) > 0
$$;
