-- address_letters: a regular expression, for ~* and the flag i, that finds the characters of
-- an address, in one of its spellings, in a text: as they are, percent-encoded any of them,
-- and quoted as JSON does it. Without a look at what stands around it, which costs ten
-- times as much.
--   p_html  as references of HTML, too: "&#64;", "&#x40;", "&commat;". Three times slower
CREATE FUNCTION emailgw_api.address_letters(p_spellings text[], p_html boolean DEFAULT false)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT '(?:' || string_agg(s.letters, '|' ORDER BY s.no) || ')'
      FROM (
           SELECT p.no, string_agg(format('(?:%s|%s)', CASE WHEN c.c ~ '[[:alnum:]]' THEN c.c
                                                            WHEN c.c IN ('"', '\') THEN '\\?\' || c.c
                                                            ELSE '\' || c.c END, e.encoded), '' ORDER BY c.n) AS letters
             FROM unnest(p_spellings) WITH ORDINALITY AS p (spelling, no)
            CROSS JOIN LATERAL regexp_split_to_table(p.spelling, '') WITH ORDINALITY AS c (c, n)
            CROSS JOIN LATERAL ( -- what is encoded has a letter case of its own
                  SELECT string_agg(regexp_replace(encode(convert_to(l.l, 'UTF8'), 'hex'), '(..)', '%\1', 'g')
                                    || CASE WHEN p_html THEN format('|&#(?:0*%s|x0*%s);?', ascii(l.l), to_hex(ascii(l.l))) ELSE '' END, '|')
                         || CASE WHEN p_html THEN coalesce(max('|&' || h.name || ';'), '') ELSE '' END
                    FROM (SELECT c.c UNION SELECT upper(c.c) WHERE length(upper(c.c)) = 1) AS l (l)
                    LEFT JOIN (VALUES ('@', 'commat'), ('.', 'period'), ('&', 'amp'), ('''', 'apos'), ('"', 'quot'), ('+', 'plus'),
                                      ('_', 'lowbar'), ('!', 'excl'), ('#', 'num'), ('$', 'dollar'), ('%', 'percnt'), ('*', 'ast'),
                                      ('/', 'sol'), ('=', 'equals'), ('?', 'quest'), ('^', 'hat'), ('`', 'grave'), ('{', 'lcub'),
                                      ('|', 'vert'), ('}', 'rcub'), ('\', 'bsol')) AS h (c, name) ON h.c = l.l) AS e (encoded)
            GROUP BY p.no) AS s
$$;
