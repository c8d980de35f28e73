-- uuid7, uuid7_floor, uuid7_time: RFC 9562 section 5.7.
\ir lib/setup.psql
SELECT plan(13);

SELECT ok(bool_and(substr(emailgw.uuid7(now())::text, 15, 1) = '7'), 'version 7')
          FROM generate_series(1, 200);
SELECT ok(bool_and(substr(emailgw.uuid7(now())::text, 20, 1) IN ('8', '9', 'a', 'b')), 'variant 10')
          FROM generate_series(1, 200);
SELECT is(count(DISTINCT emailgw.uuid7(now())), 2000::bigint, 'all different within one millisecond')
          FROM generate_series(1, 2000);
SELECT is(left(emailgw.uuid7('2022-02-22 19:22:22+00')::text, 13), '017f22e2-79b0',
          'the time of the RFC''s example');
SELECT is(emailgw.uuid7_time(emailgw.uuid7('2026-05-05 10:00:00.123+00')), '2026-05-05 10:00:00.123+00',
          'time there and back');
SELECT is(emailgw.uuid7_time(emailgw.uuid7('2026-05-05 10:00:00.999999+00')), '2026-05-05 10:00:00.999+00',
          'parts of a millisecond are dropped, so that no second is passed');
SELECT is(emailgw.uuid7_floor('2026-05-05 10:00:00.999999+00'),
          emailgw.uuid7_floor('2026-05-05 10:00:00.999+00'),
          '... also as a bound');
SELECT ok(bool_and(emailgw.uuid7(t) < emailgw.uuid7(t + interval '1 millisecond')), 'later ids are greater')
  FROM generate_series('2026-01-01 00:00:00+00'::timestamptz, '2026-12-31 00:00:00+00', '1 day 1.001 s') AS t;
SELECT ok(bool_and(emailgw.uuid7_floor(t) <= emailgw.uuid7(t)
          AND emailgw.uuid7(t) < emailgw.uuid7_floor(t + interval '1 millisecond')),
          'an id lies between the bounds of its millisecond')
  FROM generate_series('2026-01-01 00:00:00+00'::timestamptz, '2026-12-31 00:00:00+00', '1 day 1.001 s') AS t;
SELECT is(emailgw.uuid7_floor('1970-01-01 00:00:00+00'), '00000000-0000-0000-0000-000000000000',
          'the smallest of all');
SELECT is(emailgw.uuid7_time(emailgw.uuid7_floor('9999-12-31 23:59:59+00')), '9999-12-31 23:59:59+00',
          'the last year');
SELECT is(emailgw.uuid7(NULL), NULL, 'no time: no id');
SELECT is(emailgw.fold_address('Ann@Example.NET'), 'ann@example.net',
          'fold_address: letter case does not tell addresses apart');

SELECT * FROM finish();
ROLLBACK;
