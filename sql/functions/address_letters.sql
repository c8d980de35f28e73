-- address_letters: a regular expression, for ~* and the flag i, that finds the characters of
-- an address in a text: as they are, percent-encoded any of them, and quoted as JSON does it.
-- Without a look at what stands around it, which costs ten times as much.
CREATE FUNCTION emailgw_api.address_letters(p_address text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT string_agg(CASE WHEN c.c ~ '[[:alnum:]]' THEN format('(?:%s|%s)', c.c, e.encoded)
                           WHEN c.c IN ('"', '\') THEN format('(?:\\?\%s|%s)', c.c, e.encoded)
                           ELSE format('(?:\%s|%s)', c.c, e.encoded) END, '' ORDER BY c.n)
      FROM regexp_split_to_table(p_address, '') WITH ORDINALITY AS c (c, n)
     CROSS JOIN LATERAL (SELECT regexp_replace(encode(convert_to(c.c, 'UTF8'), 'hex'), '(..)', '%\1', 'g')) AS e (encoded)
$$;
