-- text_lines: the numbers, from 1 on, of the lines of a text that have a term in them,
-- once for each time that they have it. The text begins and ends with a line feed, the
-- term has none in it.
--   p_ends  how many octets of the text there are up to the end of each line
-- The text is cut at the term, not at the lines, of which there are many more.
CREATE FUNCTION emailgw_api.text_lines(p_text text, p_ends integer[], p_term text)
RETURNS TABLE (line integer)
LANGUAGE sql IMMUTABLE
AS $$
    SELECT width_bucket(c.place::integer, p_ends) + 1
      FROM (SELECT p.n, sum(octet_length(p.piece) + octet_length(p_term))
                            OVER (ORDER BY p.n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS place
              FROM string_to_table(p_text, p_term) WITH ORDINALITY AS p (piece, n)) AS c
     WHERE c.n > 1
$$;
