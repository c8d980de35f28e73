-- fold_text: what differs in letter case only is one; like_patterns: nothing in a term stands for anything else.
\ir lib/setup.psql
SELECT plan(31);

SELECT is(emailgw_api.fold_text(a), emailgw_api.fold_text(b), format('%s is %s', a, b))
  FROM (VALUES ('Welcome', 'wELCOME'), ('', ''), ('Grüße', 'GRÜSSE'), ('GRÜẞE', 'grüße'), ('Ὀδυσσεύς', 'ὈΔΥΣΣΕΎΣ'),
               ('ΟΔΟΣ', 'οδοσ'), ('İstanbul', 'istanbul'), ('ПРИВЕТ', 'привет'), ('ŒUVRE', 'œuvre'),
               ('ﬁn', 'FIN'), ('Ⅷ', 'ⅷ'), ('𐐀', '𐐨'), ('ǅ', 'ǆ'), ('ſ', 's'), ('K', 'k')) AS t (a, b);
SELECT isnt(emailgw_api.fold_text(a), emailgw_api.fold_text(b), format('%s is not %s', a, b))
  FROM (VALUES ('a', 'ä'), ('o', 'ø'), ('注文', '注又'), ('a b', 'a  b'), ('é', 'è')) AS t (a, b);
SELECT is(emailgw_api.fold_text(t), t, 'as it is: ' || t) FROM unnest('{注文の確認,مرحبا,😀,100%_\\}'::text[]) AS t;
SELECT is(emailgw_api.fold_text(NULL), NULL, 'NULL');

SELECT is(emailgw_api.like_patterns('{1,2,1}', '{Ab,x,C}', 1, '%', '%'), '{%ab%,%c%}', 'the terms of one field');
SELECT is(emailgw_api.like_patterns('{1}', '{Ab}', 2, '%', '%'), '{}', 'none');
SELECT is(emailgw_api.like_patterns('{}', '{}', 1, '%', '%'), '{}', 'none at all');
SELECT is(emailgw_api.like_patterns('{1}', ARRAY['50%_\x'], 1, '', ''), ARRAY['50\%\_\\x'], 'what LIKE knows is text');
SELECT is((SELECT bool_and(t LIKE ALL (emailgw_api.like_patterns('{1}', ARRAY[t], 1, '', '')))
             FROM unnest(ARRAY['%', '_', '\', '\%', '%%', '\\', 'a\', '_\_']) AS t), true, '... and is found as it stands');
SELECT is((SELECT count(*) FROM unnest(ARRAY['%', '_', '\', '\%', '%%', '\\', 'a\', '_\_']) AS t
            WHERE 'anything' LIKE ANY (emailgw_api.like_patterns('{1}', ARRAY[t], 1, '', ''))), 0::bigint, '... and nothing else is');

SELECT * FROM finish();
ROLLBACK;
