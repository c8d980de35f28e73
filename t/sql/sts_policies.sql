-- MTA-STS policies: recorded, renewed, given until they are over, and dropped then.
\ir lib/setup.psql
SELECT plan(8);

SELECT 'a' || pg_backend_pid() || '.example' AS a, 'b' || pg_backend_pid() || '.example' AS b \gset
CREATE FUNCTION pg_temp.stored(VARIADIC p_domains text[]) RETURNS SETOF text
LANGUAGE sql STABLE
AS $$
    SELECT concat_ws('|', left(domain, 1), record_id, mode, mx, max_age_us) FROM emailgw_api.get_sts_policies(p_domains)
     ORDER BY domain
$$;

SELECT is_empty(format('SELECT pg_temp.stored(%L, %L)', :'a', :'b'), 'nothing at first');
SELECT emailgw_api.record_sts_policies(ARRAY[:'b', :'a'], '{1,2}', '{enforce,none}', '{*.example.com mx.example.net,""}',
                                       '{3600000000,1500000}') \g /dev/null
SELECT results_eq(format('SELECT pg_temp.stored(%L, %L)', :'a', :'b'),
                  ARRAY['a|2|none||1500000', 'b|1|enforce|*.example.com mx.example.net|3600000000'], 'both are given');
SELECT results_eq(format('SELECT age_us, left_us FROM emailgw_api.get_sts_policies(ARRAY[%L])', :'b'),
                  $$ VALUES (0::bigint, 3600000000::bigint) $$, '... with their times');
SELECT is((SELECT mx FROM emailgw.sts_policy WHERE domain = :'a'), '{}', 'a policy without hosts has none');
SELECT emailgw_api.record_sts_policies(ARRAY[:'b'], '{3}', '{testing}', '{mx.example.com}', '{60000000}') \g /dev/null
SELECT results_eq(format('SELECT pg_temp.stored(%L)', :'b'), ARRAY['b|3|testing|mx.example.com|60000000'],
                  'a later one replaces it');
UPDATE emailgw.sts_policy SET fetched_at = now() - interval '1 min', expires_at = now() WHERE domain IN (:'a', :'b');
SELECT is_empty(format('SELECT pg_temp.stored(%L, %L)', :'a', :'b'), 'what is over is not given');
SELECT emailgw_api.record_sts_policies(ARRAY[:'b'], '{4}', '{enforce}', '{mx.example.com}', '{60000000}') \g /dev/null
SELECT results_eq(format('SELECT pg_temp.stored(%L)', :'b'), ARRAY['b|4|enforce|mx.example.com|60000000'],
                  '... but may come again');
SELECT is((SELECT count(*) FROM emailgw.sts_policy WHERE domain = :'a'), 0::bigint, 'and the others are dropped');

SELECT * FROM finish();
ROLLBACK;
