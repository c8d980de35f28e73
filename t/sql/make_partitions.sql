-- make_partitions: a partition for every moment from two days ago to 28 days ahead.
\set exclusive
\ir lib/setup.psql
SELECT plan(12);

-- The bounds of a table's partitions.
CREATE VIEW pg_temp.parts AS
SELECT i.inhparent::regclass::text AS parent, c.relname, (b.bounds)[1]::uuid AS low,
          (b.bounds)[2]::uuid AS high,
       emailgw.uuid7_time((b.bounds)[1]::uuid) AS starts, emailgw.uuid7_time((b.bounds)[2]::uuid) AS ends
  FROM pg_inherits AS i
  JOIN pg_class AS c ON c.oid = i.inhrelid AND c.relkind = 'r'
 CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid),
     'FROM \(''(.*)''\) TO \(''(.*)''\)') AS b (bounds)
 WHERE c.relnamespace = 'emailgw'::regnamespace;
SELECT emailgw_api.make_partitions() \gset
SELECT is(emailgw_api.make_partitions(), 0, 'called again: nothing to make');
SELECT results_eq('SELECT DISTINCT parent FROM pg_temp.parts ORDER BY 1',
                  $$ VALUES ('emailgw.attachment'), ('emailgw.content'), ('emailgw.event'),
                      ('emailgw.message'), ('emailgw.recipient'), ('emailgw.webhook_delivery') $$,
                  'the partitioned tables');
SELECT is((SELECT count(*) FROM (SELECT starts, lag(ends) OVER (PARTITION BY parent ORDER BY starts) AS before
          FROM pg_temp.parts) AS p
            WHERE before <> starts), 0::bigint, 'no gap between two');
SELECT is((SELECT max(first) <= now() - interval '2 days'
          FROM (SELECT min(starts) AS first FROM pg_temp.parts GROUP BY parent) AS p),
          true, 'two days back');
SELECT is((SELECT min(last) >= now() + interval '28 days'
          FROM (SELECT max(ends) AS last FROM pg_temp.parts GROUP BY parent) AS p),
          true, '28 days ahead');
SELECT results_eq('SELECT DISTINCT parent, ends - starts FROM pg_temp.parts ORDER BY 1',
                  $$ VALUES ('emailgw.attachment', interval '1 day'), ('emailgw.content', '1 day'),
                      ('emailgw.event', '7 days'),
                            ('emailgw.message', '7 days'),
                                ('emailgw.recipient', '7 days'),
                                ('emailgw.webhook_delivery', '7 days') $$, 'days and weeks');
SELECT is((SELECT bool_and(starts = date_trunc(CASE WHEN ends - starts = '1 day' THEN 'day' ELSE 'week' END,
          starts, 'UTC')) FROM pg_temp.parts),
          true, 'from midnight UTC and from Monday');

-- A hole is filled, and what is made is like the rest.
SELECT relname AS gone FROM pg_temp.parts WHERE parent = 'emailgw.attachment'
          ORDER BY starts DESC LIMIT 1 \gset
DROP TABLE emailgw.:gone;
SELECT is(emailgw_api.make_partitions(), 1, 'one is missing: made');
SELECT is((SELECT count(*) FROM pg_index AS x WHERE x.indrelid = ('emailgw.' || :'gone')::regclass
          AND x.indisprimary AND x.indisvalid), 1::bigint,
          '... with its primary key');
SELECT is((SELECT a.attstorage FROM pg_attribute AS a WHERE a.attrelid = ('emailgw.' || :'gone')::regclass
          AND a.attname = 'content'), 'e',
          '... and its storage');
SET LOCAL TimeZone = 'Pacific/Chatham';
DROP TABLE emailgw.:gone;
SELECT emailgw_api.make_partitions() \gset
SELECT is((SELECT ends - starts FROM pg_temp.parts WHERE relname = :'gone'), interval '1 day',
          'whatever the session''s time zone');
SELECT is((pg_temp.send(:account)).status, 0, 'mail goes in');

SELECT * FROM finish();
ROLLBACK;
