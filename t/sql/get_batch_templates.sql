-- get_batch_templates: each template that a batch names, once, in the order of its mails, as far as they fit.
\ir lib/setup.psql
SELECT plan(8);

PREPARE get_batch_templates AS
    SELECT template_id, template_known, subject, html, plain FROM emailgw_api.get_batch_templates($1, $2, $3);
CREATE FUNCTION pg_temp.new_template(p_account_id bigint, p_html text, p_plain text) RETURNS bigint
LANGUAGE sql VOLATILE
AS $$ SELECT template_id FROM emailgw_api.add_template(p_account_id, 'N', 'S', p_html, p_plain, 100) $$;
SELECT pg_temp.new_template(:account, 'html', NULL) AS html, pg_temp.new_template(:account, NULL, 'plain') AS plain,
       pg_temp.new_template(:account, repeat('é', 500), 'x') AS large \gset
SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_template(:other, 'theirs', NULL) AS theirs \gset

SELECT results_eq(format('EXECUTE get_batch_templates(%s, ''{%s,%s,%s,%s}'', 1000000)', :account, :plain, :html, :plain, :html),
                  format($$ VALUES (%s::bigint, true, 'S', NULL, 'plain'), (%s, true, 'S', 'html', NULL) $$, :plain, :html),
                  'each once, in the order in which they are named');
SELECT results_eq(format('EXECUTE get_batch_templates(%s, ''{0,%s,%s}'', 1000000)', :account, :theirs, :html),
                  format($$ VALUES (0::bigint, false, NULL, NULL, NULL), (%s, false, NULL, NULL, NULL), (%s, true, 'S', 'html', NULL) $$,
                         :theirs, :html), 'what is no template, or another account''s, is not known');
SELECT is_empty(format('EXECUTE get_batch_templates(%s, ''{}'', 1000000)', :account), 'none');

-- S and html are 5 bytes, S, 500 letters of two bytes and x 1002.
CREATE FUNCTION pg_temp.told(p_account_id bigint, p_ids bigint[], p_max bigint) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT string_agg(g.template_id::text, ' ' ORDER BY g.n)
      FROM emailgw_api.get_batch_templates(p_account_id, p_ids, p_max) WITH ORDINALITY
           AS g (template_id, template_known, subject, html, plain, n)
$$;
SELECT is(pg_temp.told(:account, ARRAY[:html, :large, 0, :plain], 1007), format('%s %s', :html, :large), 'no more than fit');
SELECT is(pg_temp.told(:account, ARRAY[:html, :large, 0, :plain], 1008), format('%s %s 0 %s', :html, :large, :plain), '... in bytes');
SELECT is(pg_temp.told(:account, ARRAY[:html, :large, 0, :plain], 5), format('%s', :html), '... all of the texts are counted');
SELECT is(pg_temp.told(:account, ARRAY[:large, :html], 1), format('%s', :large), 'the first comes, whatever its size');
SELECT is(pg_temp.told(:account, ARRAY[0, :theirs, :large, :html], 1), format('0 %s %s', :theirs, :large), '... and what has none before it');

SELECT * FROM finish();
ROLLBACK;
