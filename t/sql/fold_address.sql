-- fold_address: the same as core/addressfold.c (t/unit/addressfold_test.c has these cases too).
\ir lib/setup.psql
SELECT plan(19);

SELECT is(emailgw.fold_address(t.address), t.folded, t.address)
  FROM (VALUES ('', ''), ('Ann@Example.ORG', 'ann@example.org'), ('Émile@x.example', 'émile@x.example'),
               ('ПА@x.example', 'па@x.example'), ('ΟΣ@x.example', 'οσ@x.example'), ('ος@x.example', 'οσ@x.example'),
               ('ß@x.example', 'ß@x.example'), ('ẞ@x.example', 'ß@x.example'), ('İ@x.example', 'i@x.example'),
               (U&'I\0307@x.example', 'i@x.example'), (U&'\0130\0307@x.example', U&'i\0307@x.example'), (U&'a\0307@x.example', U&'a\0307@x.example'),
               ('ı@x.example', 'ı@x.example'), ('𐐀@x.example', '𐐨@x.example'), ('注@x.example', '注@x.example'))
       AS t (address, folded);
SELECT is(emailgw.fold_address(NULL), NULL, 'NULL');

-- Suppressed in one letter case, refused in another.
INSERT INTO emailgw.suppression (account_id, address, domain_id, reason)
VALUES (:account, emailgw.fold_address('ÉMILE@example.net'), 0, 'bounce');
SELECT is((SELECT count(*) FROM emailgw_api.suppressions_of(:account, :domain, 'émile@example.net', NULL)), 1::bigint, 'by the address');
SELECT is((SELECT count(*) FROM emailgw_api.suppressions_of(:account, :domain, 'emile@example.net', NULL)), 0::bigint, '... and no other');
SELECT is((SELECT count(*) FROM emailgw_api.suppressions_of(:account, :domain, 'Émile@EXAMPLE.net', NULL)), 1::bigint, '... in any case');

SELECT * FROM finish();
ROLLBACK;
