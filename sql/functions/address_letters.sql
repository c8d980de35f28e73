-- address_letters: a regular expression, for ~* and the flag i, that finds the characters of
-- an address, in one of its spellings, in a text: as they are, percent-encoded any of them,
-- and quoted as JSON does it. Without a look at what stands around it, which costs ten
-- times as much. A letter stands for all that emailgw.fold_address makes it of, where the
-- flag i does not: a final sigma is no sigma to it, an I with dot no i.
--   p_html  as references of HTML, too: "&#64;", "&#x40;", "&commat;". Three times slower
CREATE FUNCTION emailgw_api.address_letters(p_spellings text[], p_html boolean DEFAULT false)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT '(?:' || string_agg(s.letters, '|' ORDER BY s.no) || ')'
      FROM (
           SELECT p.no, string_agg(format('(?:%s|%s)%s', CASE WHEN c.c ~ '[[:alnum:]]' THEN c.c
                                                            WHEN c.c IN ('"', '\') THEN '\\?\' || c.c
                                                            ELSE '\' || c.c END, e.encoded,
                                   CASE WHEN c.c = 'i' THEN '(?:\u0307|%cc%87' || CASE WHEN p_html THEN '|&#(?:0*775|x0*307);?' ELSE '' END || ')?'
                                        ELSE '' END), '' ORDER BY c.n) AS letters
             FROM unnest(p_spellings) WITH ORDINALITY AS p (spelling, no)
            CROSS JOIN LATERAL regexp_split_to_table(p.spelling, '') WITH ORDINALITY AS c (c, n)
            CROSS JOIN LATERAL ( -- what is encoded has a letter case of its own
                  SELECT string_agg(CASE WHEN ascii(l.l) > 127 THEN l.l || '|' ELSE '' END
                                    || regexp_replace(encode(convert_to(l.l, 'UTF8'), 'hex'), '(..)', '%\1', 'g')
                                    || CASE WHEN p_html THEN format('|&#(?:0*%s|x0*%s);?', ascii(l.l), to_hex(ascii(l.l))) ELSE '' END, '|')
                         || CASE WHEN p_html THEN coalesce(max('|&' || h.name || ';'), '') ELSE '' END
                    FROM (SELECT c.c UNION SELECT u.u FROM upper(c.c COLLATE "und-x-icu") AS u (u) WHERE length(u.u) = 1
                          UNION SELECT f.l FROM (VALUES (U&'\03C3', U&'\03C2'), ('i', U&'\0130'), ('k', U&'\212A'), (U&'\00E5', U&'\212B'),
                                                        (U&'\03C9', U&'\2126'), (U&'\03B8', U&'\03F4'), (U&'\00DF', U&'\1E9E')) AS f (c, l)
                                 WHERE f.c = c.c) AS l (l)
                    LEFT JOIN (VALUES ('@', 'commat'), ('.', 'period'), ('&', 'amp'), ('''', 'apos'), ('"', 'quot'), ('+', 'plus'),
                                      ('_', 'lowbar'), ('!', 'excl'), ('#', 'num'), ('$', 'dollar'), ('%', 'percnt'), ('*', 'ast'),
                                      ('/', 'sol'), ('=', 'equals'), ('?', 'quest'), ('^', 'hat'), ('`', 'grave'), ('{', 'lcub'),
                                      ('|', 'vert'), ('}', 'rcub'), ('\', 'bsol')) AS h (c, name) ON h.c = l.l) AS e (encoded)
            GROUP BY p.no) AS s
$$;
