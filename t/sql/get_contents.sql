-- get_contents and get_attachments: what a message is rendered from.
\ir lib/setup.psql
SELECT plan(21);

SELECT message_id AS id FROM pg_temp.send(:account, p_headers => '[["X-B", "2"], ["X-A", "1"]]',
    p_attachments => '[{"filename": "a", "type": "text/plain", "disposition": "attachment"},
                       {"filename": "b", "type": "text/plain", "disposition": "inline", "contentid": "c"}]',
    p_contents => ARRAY['\x61', '\x62']::bytea[]) \gset
SELECT message_id AS id2 FROM pg_temp.send(:account) \gset
SELECT pg_temp.new_account() AS other \gset
SELECT format('''{%s,%s}'', ''{%s,%s}''', :account, :account, :'id', :'id2') AS both,
          format('''{%s}'', ''{%s}''', :other, :'id') AS foreign \gset

SELECT results_eq(format('SELECT message_id, domain, from_email, headers, html, plain FROM emailgw_api.get_contents(%s) ORDER BY headers DESC', :'both'),
                  format($$ VALUES (%L::uuid, 'example.com', 'sender@example.com',
                      '[["X-B", "2"], ["X-A", "1"]]'::jsonb, NULL::text, 'text'),
                                   (%L, 'example.com', 'sender@example.com', '[]', NULL,
                                       'text') $$, :'id', :'id2'),
                  'one row a message, headers in their order');
SELECT is((SELECT array_agg(a.attachment_no || a.filename || coalesce(a.content_id, '-')
          || encode(a.content, 'escape'))
             FROM emailgw_api.get_attachments(ARRAY[:account, :account], ARRAY[:'id', :'id2']::uuid[]) AS a),
                 '{1a-a,2bcb}', 'attachments in their order');
SELECT results_eq(format('SELECT attached FROM emailgw_api.get_contents(%s) ORDER BY headers DESC', :'both'), '{t,f}'::boolean[],
                  'which of them has some');
SELECT is_empty(format('SELECT * FROM emailgw_api.get_contents(%s)', :'foreign'),
          'another account has no such message');
SELECT is_empty(format('SELECT * FROM emailgw_api.get_attachments(%s)', :'foreign'),
          '... nor its attachments');

-- The Date field stays the same over all recipients and tries.
SELECT is((SELECT DISTINCT first_attempt_us
          FROM emailgw_api.get_contents(ARRAY[:account], ARRAY[:'id']::uuid[])),
          (extract(epoch FROM now()) * 1000000)::bigint, 'not yet tried: dated now');
UPDATE emailgw.queue SET first_attempt_at = '2026-01-02 03:04:05+00' WHERE message_id = :'id';
SELECT is((SELECT first_attempt_us FROM emailgw_api.get_contents(ARRAY[:account], ARRAY[:'id']::uuid[])),
          (extract(epoch FROM '2026-01-02 03:04:05+00'::timestamptz) * 1000000)::bigint,
              'tried: dated by the first try');

-- Who is on the suppression list by now, of those in hand.
SELECT message_id AS many FROM pg_temp.send(:account, p_emails => '{ann@example.net,Bob@Example.NET,carl@example.net,dora@example.net}') \gset
UPDATE emailgw.queue SET ready = false, leased = recipient_no <> 4 WHERE message_id = :'many';
PREPARE suppressed (bigint, uuid) AS SELECT suppressed FROM emailgw_api.get_contents(ARRAY[$1], ARRAY[$2]);
SELECT results_eq(format('EXECUTE suppressed(%s, %L)', :account, :'many'), 'VALUES (NULL::jsonb)', 'nobody is suppressed');
SELECT pg_temp.new_domain(:account, 'example.org') AS second \gset
INSERT INTO emailgw.suppression (account_id, address, domain_id, reason) VALUES
    (:other, 'ann@example.net', 0, 'manual'), (:account, 'ann@example.net', :second, 'manual');
SELECT results_eq(format('EXECUTE suppressed(%s, %L)', :account, :'many'), 'VALUES (NULL::jsonb)',
          'another account''s list and another domain''s do not count');
INSERT INTO emailgw.suppression (account_id, address, domain_id, reason) VALUES
    (:account, 'bob@example.net', 0, 'manual'), (:account, 'carl@example.net', :domain, 'manual'), (:account, 'dora@example.net', 0, 'manual');
SELECT results_eq(format('EXECUTE suppressed(%s, %L)', :account, :'many'), $$ VALUES ('[2, 3]'::jsonb) $$,
          'the account''s does, and the domain''s, in any letter case; who is not leased is not asked for');
SELECT results_eq(format('EXECUTE suppressed(%s, %L)', :account, :'id2'), 'VALUES (NULL::jsonb)', 'another mail''s recipients do not');
DELETE FROM emailgw.suppression WHERE account_id = :account AND address = 'bob@example.net';
SELECT results_eq(format('EXECUTE suppressed(%s, %L)', :account, :'many'), $$ VALUES ('[3]'::jsonb) $$, 'off the list: not suppressed');
INSERT INTO emailgw.suppression (account_id, address, domain_id, reason) VALUES (0, 'bob@example.net', 0, 'abuse');
SELECT results_eq(format('EXECUTE suppressed(%s, %L)', :account, :'many'), $$ VALUES ('[2, 3]'::jsonb) $$, 'on the list of all accounts');
DELETE FROM emailgw.suppression WHERE account_id = 0 AND address = 'bob@example.net';
INSERT INTO emailgw.suppression (account_id, address, domain_id, reason) VALUES (:account, 'hash:1:bob', 0, 'erased');
PREPARE erased (bigint, uuid, jsonb) AS SELECT suppressed FROM emailgw_api.get_contents(ARRAY[$1], ARRAY[$2], ARRAY[$3]);
SELECT results_eq(format('EXECUTE erased(%s, %L, %L)', :account, :'many', '{"2": "hash:2:x hash:1:bob", "1": "hash:1:ann"}'),
                  $$ VALUES ('[2, 3]'::jsonb) $$, 'who was erased, by any of the hashes');
SELECT results_eq(format('EXECUTE erased(%s, %L, %L)', :account, :'many', '{"1": "hash:1:ann", "2": ""}'), $$ VALUES ('[3]'::jsonb) $$,
                  '... and by no other');
INSERT INTO emailgw.suppression (account_id, address, reason) SELECT :account, 'x' || n || '@example.net', 'manual' FROM generate_series(1, 3000) AS n;
CREATE FUNCTION pg_temp.rows_read() RETURNS bigint LANGUAGE sql VOLATILE
AS $$ SELECT pg_stat_get_xact_tuples_fetched('emailgw.suppression'::regclass) + pg_stat_get_xact_tuples_returned('emailgw.suppression'::regclass) $$;
SELECT pg_temp.rows_read() AS before \gset
EXECUTE suppressed(:account, :'many') \gset
SELECT cmp_ok(pg_temp.rows_read() - :before, '<=', 4::bigint, 'found by a probe each, however long the list is');

DELETE FROM emailgw.content WHERE message_id = :'id';
SELECT is((SELECT array_agg(message_id) FROM emailgw_api.get_contents(ARRAY[:account, :account],
          ARRAY[:'id', :'id2']::uuid[])),
          ARRAY[:'id2']::uuid[], 'no row where the content is gone');

-- What is tracked: as the mail says, else its domain.
SELECT message_id AS fresh FROM pg_temp.send(:account) \gset
PREPARE tracked (bigint, uuid) AS SELECT track_links, track_opens, unsubscribe_link, tracking_url FROM emailgw_api.get_contents(ARRAY[$1], ARRAY[$2]);
SELECT results_eq(format('EXECUTE tracked(%s, %L)', :account, :'fresh'), 'VALUES (false, false, false, NULL::text)', 'nothing');
UPDATE emailgw.domain SET link_tracking = true, open_tracking = true, unsubscribe_link = true, tracking_base_url = 'https://t.example'
 WHERE account_id = :account AND domain_id = :domain;
SELECT results_eq(format('EXECUTE tracked(%s, %L)', :account, :'fresh'), $$ VALUES (true, true, true, 'https://t.example') $$, 'as the domain says');
UPDATE emailgw.message SET track_links = false, track_opens = false WHERE message_id = :'fresh';
SELECT results_eq(format('EXECUTE tracked(%s, %L)', :account, :'fresh'), $$ VALUES (false, false, true, 'https://t.example') $$, 'as the mail says');
UPDATE emailgw.message SET track_links = true, track_opens = NULL WHERE message_id = :'fresh';
UPDATE emailgw.domain SET link_tracking = false, open_tracking = false WHERE account_id = :account AND domain_id = :domain;
SELECT results_eq(format('EXECUTE tracked(%s, %L)', :account, :'fresh'), $$ VALUES (true, false, true, 'https://t.example') $$, '... which can be more than the domain does');

SELECT * FROM finish();
ROLLBACK;
