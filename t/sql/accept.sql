-- accept: what is refused with which code, what is stored, whole or not at all.
\ir lib/setup.psql
SELECT plan(53);

-- Refusals by key, domain and account.
SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_domain(:other, 'example.com') AS other_domain \gset
SELECT is((pg_temp.send(:account, '\x99')).status, 13, 'unknown key: 13');
SELECT is((pg_temp.send(:other, '\x01')).status, 13, 'another account''s key: 13');
SELECT pg_temp.new_key(:account, :domain, '\x02', 'webhooks,events') \gset
SELECT is((pg_temp.send(:account, '\x02')).status, 113, 'key that may not send: 113');
SELECT pg_temp.new_key(:account, :domain, '\x03', 'send') \gset
SELECT is((pg_temp.send(:account, '\x03')).status, 0, 'key that may do nothing else: 0');
SELECT pg_temp.new_key(:account, :domain, '\x04', 'resend') \gset
SELECT is((pg_temp.send(:account, '\x04')).status, 113, 'permissions are compared as whole words');
UPDATE emailgw.api_key SET deleted_at = now() WHERE account_id = :account AND key_hash = '\x04';
SELECT is((pg_temp.send(:account, '\x04')).status, 13, 'deleted key: 13');

SELECT is((pg_temp.send(pg_temp.new_account())).status, 13, 'account without keys: 13');

SAVEPOINT states;
UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = :account;
SELECT is((pg_temp.send(:account)).status, 2, 'deleted domain: 2');
ROLLBACK TO states;
UPDATE emailgw.account SET status = 'disabled' WHERE account_id = :account;
SELECT is((pg_temp.send(:account)).status, 12, 'disabled account: 12');
ROLLBACK TO states;
UPDATE emailgw.domain SET status = 'Pending' WHERE account_id = :account;
SELECT is((pg_temp.send(:account)).status, 32, 'pending domain: 32');
UPDATE emailgw.domain SET status = 'Suspended' WHERE account_id = :account;
SELECT is((pg_temp.send(:account)).status, 32, 'suspended domain: 32');
UPDATE emailgw.domain SET status = 'Warning' WHERE account_id = :account;
SELECT is((pg_temp.send(:account)).status, 0, 'domain with a warning: 0');
ROLLBACK TO states;
UPDATE emailgw.account SET status = 'unverified' WHERE account_id = :account;
SELECT is((pg_temp.send(:account)).status, 34, 'account not verified: 34');
UPDATE emailgw.domain SET status = 'Pending' WHERE account_id = :account;
SELECT is((pg_temp.send(:account)).status, 32,
          'the domain''s state comes before the account''s verification');
UPDATE emailgw.account SET status = 'disabled' WHERE account_id = :account;
SELECT is((pg_temp.send(:account)).status, 12, 'a disabled account comes before the domain''s state');
UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = :account;
SELECT is((pg_temp.send(:account)).status, 2, 'a deleted domain comes before that');
ROLLBACK TO states;

-- From.
SELECT is((pg_temp.send(:account, p_from_domain => 'example.org')).status, 3, 'From in another domain: 3');

-- In the queue means on disk.
SAVEPOINT durable;
SET LOCAL synchronous_commit = off;
SELECT is((pg_temp.send(:account, p_from_domain => 'example.org')).status, 3, 'refused, with commits asynchronous');
SELECT is(current_setting('synchronous_commit'), 'off', '... leaves them so');
SELECT is((pg_temp.send(:account)).status, 0, 'taken, with commits asynchronous');
SELECT is(current_setting('synchronous_commit'), 'on', '... is committed synchronously');
ROLLBACK TO durable;
SELECT is((pg_temp.send(:account, p_from_domain => 'mail.example.com')).status, 0, 'From in a subdomain: 0');
SELECT is((pg_temp.send(:account, p_from_domain => 'notexample.com')).status, 3, 'From in a look-alike: 3');
SELECT is((pg_temp.send(:account, p_from_domain => 'com')).status, 3, 'From in the parent domain: 3');
SELECT is((pg_temp.send(:account, p_from_domain => 'example.com.example.net')).status, 3,
          'domain in front: 3');
UPDATE emailgw.domain SET name = 'ex_mple.com' WHERE account_id = :account;
SELECT is((pg_temp.send(:account, p_from_domain => 'mail.example.com')).status, 3,
          'a domain name is no pattern: 3');
ROLLBACK TO states;

-- List-Unsubscribe.
SELECT is((pg_temp.send(:account, p_headers => '[["List-Unsubscribe", "x"]]')).status, 0,
          'List-Unsubscribe where the gateway writes none: 0');
UPDATE emailgw.domain SET unsubscribe_link = true WHERE account_id = :account;
SELECT is((pg_temp.send(:account, p_headers => '[["X-A", "x"], ["list-unsubscribe-POST", "x"]]')).status, 102,
          'List-Unsubscribe-Post where the gateway writes it: 102');
SELECT is((pg_temp.send(:account, p_headers => '[["X-A", "x"]]')).status, 0, 'other headers there: 0');
ROLLBACK TO states;

-- Suppression.
SELECT pg_temp.new_domain(:account, 'example.org') AS second \gset
INSERT INTO emailgw.suppression (account_id, address, domain_id, reason)
VALUES (:account, 'all@example.net', 0, 'test'), (:account, 'one@example.net', :domain, 'test'),
       (:account, 'two@example.net', :second, 'test'), (:other, 'foreign@example.net', 0, 'test');
SELECT results_eq($$ SELECT status, detail FROM pg_temp.send($$ || :account
          || $$, p_emails => '{ann@example.net,All@Example.NET}') $$,
                  $$ VALUES (14, 'All@Example.NET') $$,
                      'one of two suppressed for the account: 14, as it was written');
SELECT is((pg_temp.send(:account, p_emails => '{one@example.net}')).status, 14,
          'suppressed for this domain: 14');
SELECT is((pg_temp.send(:account, p_emails => '{two@example.net}')).status, 0,
          'suppressed for another domain: 0');
SELECT is((pg_temp.send(:account, p_emails => '{foreign@example.net}')).status, 0,
          'suppressed by another account: 0');
SELECT is((pg_temp.send(:account, p_emails => '{all+x@example.net}')).status, 0,
          'another address of the mailbox: 0');
ROLLBACK TO states;

-- All or nothing.
SELECT pg_temp.new_key(:other, :other_domain, '\x01') \gset
INSERT INTO emailgw.suppression (account_id, address, reason) VALUES (:other, 'bob@example.net', 'test');
UPDATE emailgw.account SET own_limits = '{hour}', sends_per_hour = 1 WHERE account_id = :other;
SELECT is(ARRAY(SELECT (pg_temp.send(:other, f.key, f.emails, f.domain, p_idempotency => '\x11')).status
                  FROM (VALUES ('\x99'::bytea, '{ann@example.net}'::text[], 'example.com'),
                               ('\x01', '{ann@example.net}', 'example.org'),
                               ('\x01', '{ann@example.net,bob@example.net}', 'example.com'),
                               ('\x01', '{ann@example.net,cy@example.net}', 'example.com')) AS f (key, emails,
                                   domain)),
          '{13,3,14,17}', 'refusals');
SELECT is((SELECT sum(pg_temp.rows_of(:other, t))
             FROM unnest('{message,content,attachment,recipient,queue,event,idempotency,usage}'::text[]) AS t),
          0::bigint, '... leave no row in any table');
ROLLBACK TO states;

-- What is stored.
SELECT message_id AS id FROM pg_temp.send(:account,
          p_emails => '{ann@example.net,bob@example.org,cy@example.net}',
    p_attachments => '[{"filename": "a.txt", "type": "text/plain", "disposition": "attachment"},
                       {"filename": "b.png", "type": "image/png", "disposition": "inline",
                           "contentid": "b"}]',
    p_contents => ARRAY['\x61', '\x62']::bytea[], p_context => '{1,2,3,4}') \gset
SELECT results_eq($$ SELECT list_id, subscriber_id, journey_id, action_id FROM emailgw.message
          WHERE message_id = $$ || quote_literal(:'id'),
                  'VALUES (1::bigint, 2::bigint, 3::bigint, 4::bigint)', 'context ids of the message');
SELECT is((SELECT array_agg(r.recipient_no || r.email || r.status ORDER BY r.recipient_no)
          FROM emailgw.recipient AS r
            WHERE r.message_id = :'id'),
          '{1ann@example.netqueued,2bob@example.orgqueued,3cy@example.netqueued}',
              'a row for each recipient, in order');
SELECT is((SELECT array_agg(q.recipient_no ORDER BY q.recipient_no) FROM emailgw.queue AS q
            WHERE q.message_id = :'id' AND q.ready AND q.attempt = 0 AND NOT q.leased AND q.next_at = now()),
          '{1,2,3}', 'each is in the queue and due');
SELECT is((SELECT count(DISTINCT q.lane) FROM emailgw.queue AS q WHERE q.message_id = :'id'), 2::bigint,
          'one lane for each destination');
SELECT is_empty(format($$ SELECT FROM emailgw.queue AS q WHERE q.message_id = %L AND q.lane = hashtext(split_part(q.email, '@', 2)) $$, :'id'),
                '... with a number that nobody outside can work out');
SELECT is((SELECT array_agg(e.recipient_no || e.email ORDER BY e.recipient_no) FROM emailgw.event AS e
            WHERE e.message_id = :'id' AND e.type = 1 AND e.domain_id = :domain AND e.at = now()),
          '{1ann@example.net,2bob@example.org,3cy@example.net}', 'a send event for each');
SELECT is((SELECT array_agg(date_trunc('milliseconds', e.at) = emailgw.uuid7_time(e.event_id))
          FROM emailgw.event AS e
            WHERE e.message_id = :'id'), '{t,t,t}', 'an event''s id carries its time');
SELECT is((SELECT array_agg(a.attachment_no || a.filename || coalesce(a.content_id, '-')
          || encode(a.content, 'escape')
                            ORDER BY a.attachment_no) FROM emailgw.attachment AS a
                                WHERE a.message_id = :'id'),
          '{1a.txt-a,2b.pngbb}', 'attachments with their contents');
SELECT is(pg_temp.rows_of(:account, 'usage'), 0, 'an account without limits counts no usage');

-- Context ids of the key.
UPDATE emailgw.api_key SET list_id = 11, subscriber_id = 12, journey_id = 13, action_id = 14
 WHERE account_id = :account AND key_hash = '\x01';
SELECT message_id AS id FROM pg_temp.send(:account, p_context => ARRAY[NULL, 22, NULL, 24]::bigint[]) \gset
SELECT is((SELECT ARRAY[m.list_id, m.subscriber_id, m.journey_id, m.action_id] FROM emailgw.message AS m
            WHERE m.message_id = :'id'),
          '{11,22,13,24}', 'context ids of the key, unless the message has its own');

-- SendAt.
SELECT message_id AS id FROM pg_temp.send(:account, p_send_at => now() + interval '1 hour') \gset
SELECT is((SELECT q.ready OR q.next_at <> now() + interval '1 hour' FROM emailgw.queue AS q
          WHERE q.message_id = :'id'),
          false, 'SendAt ahead: waits for it');
SELECT message_id AS id FROM pg_temp.send(:account, p_send_at => now() - interval '1 hour') \gset
SELECT is((SELECT q.ready FROM emailgw.queue AS q WHERE q.message_id = :'id'), true,
          'SendAt in the past: due now');

-- The same message id again, as after a commit whose answer was lost.
SELECT emailgw.uuid7(now()) AS id \gset
SELECT is((pg_temp.send(:account, p_id => :'id', p_emails => '{ann@example.net,bob@example.org}')).status, 0,
          'a message id once');
SELECT results_eq($$ SELECT status, message_id::text, replayed FROM pg_temp.send($$ || :account
          || $$, p_id => '$$ || :'id' || $$', p_emails => '{ann@example.net,bob@example.org}') $$,
                  $$ VALUES (0, '$$ || :'id' || $$', false) $$, '... twice: the same answer');
SELECT is((SELECT count(*) FROM emailgw.queue AS q WHERE q.message_id = :'id'), 2::bigint,
          '... and nothing more in the queue');
UPDATE emailgw.domain SET status = 'Suspended' WHERE account_id = :account;
SELECT results_eq($$ SELECT status, detail FROM pg_temp.send($$ || :account
          || $$, p_id => '$$ || :'id' || $$', p_from_domain => 'example.org') $$,
                  'VALUES (0, NULL::text)', '... also where it would be refused by now');
SELECT is((pg_temp.send(:account)).status, 32, '... as another message is');

SELECT * FROM finish();
ROLLBACK;
