-- text_lines: the numbers, from 1 on, of the lines of a text that have a term in them.
-- The text begins and ends with a line feed, the term has none in it.
CREATE FUNCTION emailgw_api.text_lines(p_text text, p_term text)
RETURNS SETOF integer
LANGUAGE sql IMMUTABLE
AS $$
    SELECT DISTINCT l.line
      FROM (SELECT sum(octet_length(s.piece) - octet_length(replace(s.piece, E'\n', ''))) OVER (ORDER BY s.n)::integer AS line, s.n,
                   count(*) OVER () AS pieces
              FROM string_to_table(p_text, p_term) WITH ORDINALITY AS s (piece, n)) AS l
     WHERE l.n < l.pieces -- what stands before an occurrence tells its line
$$;
