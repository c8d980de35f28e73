-- address_pattern: a regular expression, for ~* and the flag i, that finds an address in a
-- text: as it is, with any of its characters percent-encoded, and quoted as JSON does it;
-- not as the end or the beginning of another address.
CREATE FUNCTION emailgw_api.address_pattern(p_address text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT '(?:(?<![[:alnum:]._+-])|(?<=%[0-9a-f]{2})|(?<=\\[bfnrt]))'
           || string_agg(CASE WHEN c.c ~ '[[:alnum:]]' THEN format('(?:%s|%s)', c.c, e.encoded)
                              WHEN c.c IN ('"', '\') THEN format('(?:\\?\%s|%s)', c.c, e.encoded)
                              ELSE format('(?:\%s|%s)', c.c, e.encoded) END, '' ORDER BY c.n)
           || '(?![[:alnum:]-]|\.[[:alnum:]])'
      FROM regexp_split_to_table(p_address, '') WITH ORDINALITY AS c (c, n)
     CROSS JOIN LATERAL (SELECT regexp_replace(encode(convert_to(c.c, 'UTF8'), 'hex'), '(..)', '%\1', 'g')) AS e (encoded)
$$;
