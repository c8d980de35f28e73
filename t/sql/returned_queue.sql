-- add_returned, claim_returned, finish_returned, note_returned, return_path_state: a mail
-- that came back waits for a sender until what it says is recorded. ctl_returned_*: what
-- an operator does with those that could not be.
\ir lib/setup.psql
SELECT plan(89);

SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_domain(:other, 'example.org') AS other_domain \gset
SELECT message_id AS id FROM pg_temp.send(:account, p_emails => '{ann@example.net,bob@example.net,carl@example.net}') \gset
DELETE FROM emailgw.queue WHERE message_id = :'id';
UPDATE emailgw.recipient SET status = 'delivered', attempts = 1 WHERE message_id = :'id';

CREATE FUNCTION pg_temp.add(p_account_id bigint, p_id uuid, p_no integer, p_mail bytea DEFAULT 'bounce',
                            p_host text DEFAULT 'eg.example.com') RETURNS text
LANGUAGE sql VOLATILE
AS $$ SELECT a.status FROM emailgw_api.add_returned(ARRAY[p_account_id], ARRAY[p_id], ARRAY[p_no], ARRAY[p_host], p_mail) AS a $$;
CREATE FUNCTION pg_temp.waiting(p_id uuid) RETURNS bigint
LANGUAGE sql STABLE
AS $$ SELECT count(*) FROM emailgw.returned_queue AS q WHERE q.message_id = p_id $$;
-- A lease that has ended: its sender is dead.
CREATE FUNCTION pg_temp.end_leases() RETURNS void
LANGUAGE sql VOLATILE
AS $$ UPDATE emailgw.returned_queue SET due_at = now() - interval '1 second' $$;
CREATE FUNCTION pg_temp.finish(p_account_id bigint, p_id uuid, p_no integer, p_lease text, p_kind text DEFAULT 'bounce',
                               p_mail bytea DEFAULT 'bounce') RETURNS text
LANGUAGE sql VOLATILE
AS $$
    SELECT f.status FROM emailgw_api.finish_returned(p_account_id, p_id, p_no, sha256(p_mail), p_lease, p_kind, '{""}',
        ARRAY['{"smtp": {"code": 550, "text": "unknown"}, "bounce": {"class": "recipient", "suppress": true}}'::jsonb]) AS f
$$;
CREATE FUNCTION pg_temp.told(p_id uuid, p_no integer DEFAULT NULL) RETURNS bigint
LANGUAGE sql STABLE
AS $$ SELECT count(*) FROM emailgw.event AS e WHERE e.message_id = p_id AND e.type IN (4, 10) AND e.recipient_no = coalesce(p_no, e.recipient_no) $$;

-- Whose a return path is.
CREATE FUNCTION pg_temp.state(p_account_id bigint, p_id uuid, p_no integer, p_host text) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT emailgw_api.return_path_state(p_account_id, p_id, p_no, p_host) $$;
SELECT is(pg_temp.state(:account, :'id', 1, h), 'known', h) FROM unnest('{eg.example.com,EG.Example.COM}'::text[]) AS h;
SELECT is(pg_temp.state(:account, :'id', 1, h), 'unknown', 'not at ' || h)
  FROM unnest('{example.com,eg.example.org,x.eg.example.com,eg.example.com.,""}'::text[]) AS h;
SELECT is(pg_temp.state(:account, gen_random_uuid(), 1, 'eg.example.com'), 'gone', 'a mail that is no longer stored');
SELECT is(pg_temp.state(:account, :'id', 9, 'eg.example.com'), 'gone', '... a recipient that is not');
SELECT is(pg_temp.state(:account, gen_random_uuid(), 1, 'eg.example.org'), 'unknown', '... at another account''s host');
SELECT is(pg_temp.state(:other, :'id', 1, 'eg.example.com'), 'unknown', 'another account''s mail');

-- In.
SELECT is(pg_temp.add(:account, :'id', 1), 'added', 'a mail that came back');
SELECT is(pg_temp.add(:account, :'id', 1), 'added', '... and the same once more');
SELECT is(pg_temp.waiting(:'id'), 1::bigint, '... are one row');
SELECT is(pg_temp.add(:account, :'id', 1, p_host => 'eg.example.org'), 'unknown', 'at another host');
SELECT is(pg_temp.add(:account, gen_random_uuid(), 1), 'gone', 'of a mail that is no longer stored');
SELECT is(pg_temp.add(:other, :'id', 1), 'unknown', 'another account''s');
SELECT is(pg_temp.waiting(:'id'), 1::bigint, '... are not kept');
SELECT is((SELECT array_agg(a.status) FROM emailgw_api.add_returned(ARRAY[:account, :other, :account]::bigint[], ARRAY[:'id', :'id', :'id']::uuid[],
          '{2,2,3}', '{eg.example.com,eg.example.org,eg.example.com}', 'bounce') AS a), '{added,gone,added}',
          'one mail to several return paths, each by itself');
SELECT is((SELECT array_agg(q.recipient_no ORDER BY q.recipient_no) FROM emailgw.returned_queue AS q WHERE q.message_id = :'id' AND q.mail = 'bounce'),
          '{1,2,3}', '... is one row for each that is right');

-- Out.
SAVEPOINT three;
SELECT is((SELECT count(*) FROM emailgw_api.claim_returned(2, 60)), 2::bigint, 'no more than asked for');
SELECT is((SELECT count(*) FROM emailgw_api.claim_returned(9, 60)), 1::bigint, '... then the others');
SELECT is((SELECT count(*) FROM emailgw_api.claim_returned(9, 60)), 0::bigint, '... each once, for its lease');
ROLLBACK TO three;
SELECT lease, mail FROM emailgw_api.claim_returned(9, 60) WHERE recipient_no = 1 \gset
SELECT is(:'mail'::bytea, 'bounce', 'with the mail');
SELECT ok(:'lease'::timestamptz BETWEEN now() + interval '60 seconds' AND clock_timestamp() + interval '60 seconds', '... until its lease ends');
SELECT is(pg_temp.finish(:account, :'id', 1, (:'lease'::timestamptz - interval '1 us')::text), 'fenced', 'another one''s lease');
SELECT is(pg_temp.finish(:account, :'id', 2, :'lease'), 'fenced', '... another mail''s');
SELECT is(pg_temp.finish(:account, :'id', 1, :'lease', p_mail => 'x'), 'fenced', '... another one to the same return path');
SELECT is(pg_temp.told(:'id'), 0::bigint, '... records nothing');
SELECT is(pg_temp.finish(:account, :'id', 1, :'lease'), 'recorded', 'the own one records');
SELECT is(pg_temp.told(:'id', 1), 1::bigint, '... an event');
SELECT is((SELECT count(*) FROM emailgw.returned_queue AS q WHERE q.message_id = :'id' AND q.recipient_no = 1), 0::bigint, '... and drops the mail');
SELECT is(pg_temp.finish(:account, :'id', 1, :'lease'), 'fenced', 'once');
SELECT is(pg_temp.add(:account, :'id', 1), 'added', 'when it comes again later');
SELECT is(pg_temp.finish(:account, :'id', 1, (SELECT c.lease FROM emailgw_api.claim_returned(9, 60) AS c)), 'again', '... it is told to have been there');
SELECT is(pg_temp.told(:'id', 1), 1::bigint, '... and is no event more');
SELECT is((SELECT count(*) FROM emailgw.suppression AS s WHERE s.account_id = :account), 1::bigint, 'the address is suppressed');

-- A sender that was late: its lease went to another one.
SELECT q.due_at::text AS late FROM emailgw.returned_queue AS q WHERE q.message_id = :'id' AND q.recipient_no = 2 \gset
SELECT pg_temp.end_leases() \gset
SELECT is((SELECT count(*) FROM emailgw_api.claim_returned(9, 60)), 1::bigint, 'what a dead sender had comes again, alone');
SELECT is((SELECT count(*) FROM emailgw_api.claim_returned(9, 60)), 1::bigint, '... and so does the next');
SELECT is(pg_temp.finish(:account, :'id', 2, :'late'), 'fenced', 'the late one records nothing');
SELECT is(pg_temp.told(:'id', 2), 0::bigint, '... at all');
SELECT is(pg_temp.finish(:account, :'id', 2, (SELECT q.due_at::text FROM emailgw.returned_queue AS q WHERE q.recipient_no = 2 AND q.message_id = :'id'), 'other'),
          'ignored', 'what says nothing');
SELECT is(pg_temp.waiting(:'id'), 1::bigint, '... is dropped as well');

-- One that kills whoever reads it.
UPDATE emailgw.returned_queue SET attempts = 5 WHERE message_id = :'id';
SELECT pg_temp.end_leases() \gset
SELECT pg_temp.add(:account, :'id', 2) \gset
SELECT results_eq('SELECT c.recipient_no, c.lease IS NULL AND c.mail IS NULL FROM emailgw_api.claim_returned(9, 60) AS c',
          'VALUES (3, true), (2, false)', 'is set aside, and the others go on');
SELECT is((SELECT count(*) FROM emailgw_api.claim_returned(9, 60)), 0::bigint, '... once');
SELECT pg_temp.end_leases() \gset
SELECT is((SELECT array_agg(c.recipient_no) FROM emailgw_api.claim_returned(9, 60) AS c), '{2}', '... and not handed out any more');
SELECT results_eq('SELECT s.returned_waiting, s.returned_set_aside FROM emailgw_api.ctl_status() AS s', 'VALUES (1::bigint, 1::bigint)', 'status counts both');
SAVEPOINT aside;
SELECT is((SELECT h.purged FROM emailgw_api.housekeeping(7, 90) AS h), 0::bigint, 'it is kept');
UPDATE emailgw.returned_queue SET set_aside_at = now() - interval '15 days' WHERE set_aside_at IS NOT NULL;
SELECT is((SELECT h.purged FROM emailgw_api.housekeeping(7, 90) AS h), 1::bigint, '... for two weeks');
ROLLBACK TO aside;

-- What an operator sees of both, and does.
SELECT q.returned_id AS aside FROM emailgw.returned_queue AS q WHERE q.set_aside_at IS NOT NULL \gset
SELECT q.returned_id AS other_mail FROM emailgw.returned_queue AS q WHERE q.set_aside_at IS NULL \gset
SELECT pg_temp.end_leases() \gset
SELECT results_eq('SELECT c.waiting, c.set_aside FROM emailgw_api.ctl_returned_count() AS c', 'VALUES (1::bigint, 1::bigint)', 'how many');
SELECT results_eq('SELECT l.message_id, l.email, l.state, l.attempts, l.size_bytes, l.reason, l.came_at = now(), l.set_aside_at = now()
                     FROM emailgw_api.ctl_returned_list(false, 0, 9) AS l ORDER BY l.email DESC',
          format($$ VALUES ('%1$s'::uuid, 'carl@example.net', 'set aside', 5, 6, 'the sender died on it, or the database was away or too slow', true, true),
                           ('%1$s'::uuid, 'bob@example.net', 'waiting', 2, 6, NULL, true, NULL) $$, :'id'), 'list');
UPDATE emailgw.returned_queue SET due_at = now() + interval '1 second';
SELECT is((SELECT array_agg(l.state ORDER BY l.returned_id) FROM emailgw_api.ctl_returned_list(false, 0, 9) AS l WHERE l.set_aside_at IS NULL), '{reading}', 'list: a sender has one');
SELECT is((SELECT array_agg(l.returned_id) FROM emailgw_api.ctl_returned_list(true, 0, 9) AS l), ARRAY[:aside::bigint], 'list: those set aside alone');
SELECT is((SELECT array_agg(l.returned_id) FROM emailgw_api.ctl_returned_list(false, 0, 1) AS l), ARRAY[least(:aside, :other_mail)::bigint], 'list: the first');
SELECT is((SELECT array_agg(l.returned_id) FROM emailgw_api.ctl_returned_list(false, least(:aside, :other_mail), 9) AS l),
          ARRAY[greatest(:aside, :other_mail)::bigint], 'list: what is behind it');
CREATE FUNCTION pg_temp.note(p_id uuid, p_no integer, p_lease timestamptz) RETURNS text
LANGUAGE sql VOLATILE
AS $$
    SELECT emailgw_api.note_returned(q.account_id, q.message_id, q.recipient_no, q.digest, p_lease::text, 'why')
      FROM emailgw.returned_queue AS q WHERE q.message_id = p_id AND q.recipient_no = p_no;
    SELECT string_agg(coalesce(l.reason, '-'), ', ') FROM emailgw_api.ctl_returned_list(false, 0, 9) AS l WHERE l.set_aside_at IS NULL
$$;
SELECT is(pg_temp.note(:'id', 2, now()), '-', 'note: another one''s lease');
SELECT is(pg_temp.note(:'id', 2, now() + interval '1 second'), 'why', 'note: the own one''s');
SELECT is((SELECT l.state FROM emailgw_api.ctl_returned_list(false, 0, 9) AS l WHERE l.set_aside_at IS NULL), 'waiting', '... for nobody reads it now');
SELECT pg_temp.end_leases() \gset
SELECT is((SELECT count(*) FROM emailgw_api.claim_returned(9, 60) AS c WHERE c.recipient_no = 2), 1::bigint, 'claimed again');
SELECT is((SELECT l.reason FROM emailgw_api.ctl_returned_list(false, 0, 9) AS l WHERE l.set_aside_at IS NULL), NULL, '... nothing is known of that attempt yet');
SELECT is((SELECT r FROM emailgw_api.ctl_returned_retry(:other_mail) AS r)::text, '("not set aside: it waits for a sender, or one has it in hand",0)', 'retry: one that waits');
SELECT is((SELECT r FROM emailgw_api.ctl_returned_drop(:other_mail) AS r)::text, '("not set aside: it waits for a sender, or one has it in hand",0)', 'drop: one that waits');
SELECT is((SELECT r FROM emailgw_api.ctl_returned_retry(:aside + :other_mail) AS r)::text, '("unknown mail",0)', 'retry: an id of none');
SELECT is((SELECT r FROM emailgw_api.ctl_returned_drop(:aside + :other_mail) AS r)::text, '("unknown mail",0)', 'drop: an id of none');
SELECT is((SELECT r FROM emailgw_api.ctl_returned_retry(:aside) AS r)::text, '(ok,1)', 'retry');
SELECT is((SELECT r FROM emailgw_api.ctl_returned_retry(:aside) AS r)::text, '("not set aside: it waits for a sender, or one has it in hand",0)', '... once');
SELECT is((SELECT array_agg(c.recipient_no) FROM emailgw_api.claim_returned(9, 60) AS c WHERE c.lease IS NOT NULL), '{3}', '... and a sender has it');
SELECT results_eq(format('SELECT l.attempts, l.reason FROM emailgw_api.ctl_returned_list(false, 0, 9) AS l WHERE l.returned_id = %s', :aside),
          'VALUES (1, NULL)', '... as if it were new');
SELECT is((SELECT r FROM emailgw_api.ctl_returned_retry(NULL) AS r)::text, '(ok,0)', 'retry: all of none');
UPDATE emailgw.returned_queue SET set_aside_at = now() WHERE returned_id = :aside;
SELECT is((SELECT r FROM emailgw_api.ctl_returned_retry(NULL) AS r)::text, '(ok,1)', 'retry: all');
UPDATE emailgw.returned_queue SET set_aside_at = now();
SELECT is((SELECT r FROM emailgw_api.ctl_returned_drop(:aside) AS r)::text, '(ok,1)', 'drop');
SELECT is((SELECT r FROM emailgw_api.ctl_returned_drop(NULL) AS r)::text, '(ok,1)', 'drop: all');
SELECT is((SELECT r FROM emailgw_api.ctl_returned_drop(NULL) AS r)::text, '(ok,0)', '... none are left');
ROLLBACK TO aside;

UPDATE emailgw.returned_queue SET attempts = 4 WHERE recipient_no = 2;
SELECT pg_temp.end_leases() \gset
SELECT is((SELECT c.lease IS NULL FROM emailgw_api.claim_returned(9, 60) AS c), false, 'the fifth attempt is made');
DELETE FROM emailgw.returned_queue;

-- Ahead of the sender's own record.
SELECT message_id AS early FROM pg_temp.send(:account, p_emails => '{dan@example.org}') \gset
UPDATE emailgw.queue AS q SET leased = true WHERE q.message_id = :'early';
SELECT is(pg_temp.add(:account, :'early', 1), 'added', 'a bounce of a mail that a sender has in hand');
SELECT is(pg_temp.finish(:account, :'early', 1, (SELECT c.lease FROM emailgw_api.claim_returned(9, 60) AS c)), 'early', '... is put off');
SELECT results_eq('SELECT q.attempts::integer, q.due_at > now() AND q.due_at < now() + interval ''1 second'' FROM emailgw.returned_queue AS q', 'VALUES (0, true)',
          '... for a moment, which does not count');
SELECT is(pg_temp.told(:'early'), 0::bigint, '... with nothing told');
UPDATE emailgw.returned_queue SET came_at = now() - interval '5 seconds', due_at = now();
SELECT is(pg_temp.finish(:account, :'early', 1, (SELECT c.lease FROM emailgw_api.claim_returned(9, 60) AS c)), 'recorded', '... but not for long');

-- Bounds: of a batch, of a return path, of all.
SELECT is((SELECT array_agg(pg_temp.add(:account, :'id', n, decode(repeat('00', 9000000), 'hex'))) FROM generate_series(1, 3) AS n), '{added,added,added}', 'large mails');
SELECT is((SELECT count(*) FROM emailgw_api.claim_returned(9, 60)), 1::bigint, 'are claimed by their size');
DELETE FROM emailgw.returned_queue;
SELECT is((SELECT count(*) FROM generate_series(1, 30) AS n WHERE pg_temp.add(:account, :'id', 1, int4send(n)) = 'added'), 20::bigint, '20 of one return path wait');
SELECT is(pg_temp.add(:account, :'id', 1, int4send(1)), 'full', '... at most');
SELECT is(pg_temp.add(:account, :'id', 2), 'added', '... and those of others beside them');
INSERT INTO emailgw.returned_queue (account_id, message_id, recipient_no, digest, host, mail)
SELECT :other, :'id', 1, int4send(n), '', '' FROM generate_series(1, 9979) AS n;
SELECT is(pg_temp.add(:account, :'id', 3), 'full', 'of all return paths 10,000');
DELETE FROM emailgw.returned_queue AS q WHERE q.account_id = :other AND q.digest < int4send(100);
SELECT is(pg_temp.add(:account, :'id', 3), 'added', '... and again when some are done');
UPDATE emailgw.returned_queue SET mail = decode(repeat('00', 10485760), 'hex') WHERE account_id = :other AND digest BETWEEN int4send(200) AND int4send(300);
SELECT is(pg_temp.add(:account, :'early', 1, decode(repeat('00', 15000000), 'hex')), 'full', 'one gigabyte');
SELECT is(pg_temp.add(:account, :'early', 1), 'added', '... all together');
SELECT is((SELECT array_agg(a.status) FROM emailgw_api.add_returned(array_fill(:account::bigint, '{2}'), ARRAY[:'id', :'id']::uuid[], '{2,3}',
          '{eg.example.com,eg.example.com}', decode(repeat('00', 10000000), 'hex')) AS a), '{added,full}', '... and each copy of a mail counts');

SELECT * FROM finish();
ROLLBACK;
