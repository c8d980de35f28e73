-- accept_list, claim_list_job, get_list_targets, store_list_batch: whose turn it is, the fence, limits, what ends a
-- job, and what is left behind.
\ir lib/setup.psql
SELECT plan(76);

SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_domain(:other, 'example.net') AS others_domain \gset
SELECT pg_temp.new_key(:other, :others_domain, '\x02') \gset
SELECT list_id AS list FROM emailgw_api.add_list(:account, 'news', 10) \gset
SELECT list_id AS others_list FROM emailgw_api.add_list(:other, 'news', 10) \gset
SELECT emailgw_api.add_subscribers(:account, :list, (SELECT json_agg(json_build_object('email', 's' || n || '@example.org', 'name', 'N' || n))
          FROM generate_series(1, 10) AS n)) \gset
SELECT emailgw_api.add_subscribers(:other, :others_list, '[{"email": "a@example.org"}, {"email": "b@example.org"}]') \gset

-- A mail to a list, accepted; ids end with eight zeroes.
CREATE FUNCTION pg_temp.accept(p_account_id bigint, p_id uuid, p_list_id bigint, p_key bytea DEFAULT '\x01', p_domain text DEFAULT 'example.com',
                               p_mails jsonb DEFAULT NULL, p_idempotency bytea DEFAULT NULL, p_send_at timestamptz DEFAULT NULL)
RETURNS TABLE (status integer, message_id uuid, replayed boolean, recipients integer)
LANGUAGE sql VOLATILE
AS $$
    SELECT a.status, a.message_id, a.replayed, a.recipients
      FROM emailgw_api.accept_list(p_account_id, p_id, p_key, p_idempotency, '\xb0', p_list_id, 'a@' || p_domain, '', p_domain, '{t}', NULL, NULL,
           p_send_at, NULL, NULL, '[]', '[]', 'Hi', NULL, 'text', NULL, '[{"filename": "a", "type": "text/plain", "disposition": "attachment"}]',
           ARRAY['\x616263'::bytea], 3, p_mails, 0, 0) AS a
$$;
-- The mails of some subscribers as the sender makes them, numbered from p_first on.
CREATE FUNCTION pg_temp.mails(p_first integer, p_count integer) RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('no', n, 'subscriber_id', 1000 + n, 'email', 's' || n || '@example.org', 'name', 'N', 'subject', 'S' || n,
           'plain', 'P', 'size', 4)), '[]') FROM generate_series(p_first, p_first + p_count - 1) AS n
$$;
CREATE FUNCTION pg_temp.store(p_account_id bigint, p_id uuid, p_turn integer, p_first integer, p_count integer, p_last boolean DEFAULT false) RETURNS text
LANGUAGE sql VOLATILE
AS $$ SELECT emailgw_api.store_list_batch(p_account_id, p_id, p_turn, p_first + p_count, p_first + p_count - 1, 1, 0, p_last, pg_temp.mails(p_first, p_count)) $$;
CREATE FUNCTION pg_temp.again() RETURNS void LANGUAGE sql VOLATILE AS $$ UPDATE emailgw.list_job SET next_at = now() - interval '1 s' WHERE status = 'open' $$;

SELECT emailgw_api.list_mail_id(emailgw.uuid7(now()), 0) AS job \gset
SELECT emailgw_api.list_mail_id(emailgw.uuid7(now()), 0) AS others_job \gset
CREATE FUNCTION pg_temp.unmade(p_account_id bigint, p_domain_id bigint) RETURNS bigint LANGUAGE sql STABLE
AS $$ SELECT emailgw_api.unmade_mails(p_account_id, p_domain_id) $$;
SELECT is(emailgw_api.list_mail_id('01890000-0000-7abc-8def-1234567890ab', 258)::text, '01890000-0000-7abc-8def-123400000102', 'a mail''s number is the end of its id');

-- Accepting.
SELECT results_eq(format('SELECT status, recipients FROM pg_temp.accept(%s, %L, %s)', :account, :'job', :list), 'VALUES (0, 10)', 'a job');
SELECT results_eq(format('SELECT status, replayed FROM pg_temp.accept(%s, %L, %s)', :account, :'job', :list), 'VALUES (0, false)', 'the same id again: the same one');
SELECT is(pg_temp.rows_of(:account, 'list_job'), 1, '... once');
SELECT is(pg_temp.rows_of(:account, 'attachment'), 1, '... with its attachment');
SELECT is(pg_temp.rows_of(:account, 'message'), 0, '... and no mail as yet');
SELECT is((SELECT status FROM pg_temp.accept(:account, emailgw.uuid7(now()), :others_list)), 16, 'another account''s list is none');
SELECT is((SELECT status FROM pg_temp.accept(:account, emailgw.uuid7(now()), :list, p_key => '\x09')), 13, 'a key that is none');
SELECT is((SELECT status FROM pg_temp.accept(:account, emailgw.uuid7(now()), :list, p_domain => 'example.net')), 3, 'a foreign From');
SELECT list_id AS empty FROM emailgw_api.add_list(:account, 'empty', 10) \gset
SELECT is((SELECT status FROM pg_temp.accept(:account, emailgw.uuid7(now()), :empty)), 20, 'a list of nobody');
SELECT is((SELECT status FROM pg_temp.accept(:other, :'others_job', :others_list, '\x02', 'example.net')), 0, 'another account''s job');

SELECT is(pg_temp.unmade(:account, :domain) || ' ' || pg_temp.unmade(:other, :others_domain), '10 2', 'what is not made yet: all of both');
SELECT is(pg_temp.unmade(:account, :others_domain), 0::bigint, '... each for its account');

-- Claiming.
SELECT pg_temp.again() \gset
UPDATE emailgw.list_job SET next_at = now() - interval '1 min' WHERE job_id = :'job';
SELECT results_eq('SELECT job_id, turn, after_id, passed, attached_bytes, plain, batch FROM emailgw_api.claim_list_job(60, 4, 100)',
                  format('VALUES (%L::uuid, 1, 0::bigint, 0, 3, ''text'', 4)', :'job'), 'the one that has waited longest');
SELECT results_eq('SELECT account_id, batch FROM emailgw_api.claim_list_job(60, 4, 3)', format('VALUES (%s::bigint, 3)', :other), 'then the other, no more than may be ready');
SELECT is_empty('SELECT * FROM emailgw_api.claim_list_job(60, 4, 100)', 'then none: both are leased');
SELECT results_eq(format('SELECT email, name, suppressed FROM emailgw_api.get_list_targets(%s, %s, %s, 0, 9007199254740991, 2)', :account, :list, :domain),
                  $$ VALUES ('s1@example.org', 'N1', false), ('s2@example.org', 'N2', false) $$, 'its first subscribers');
INSERT INTO emailgw.suppression (account_id, address, domain_id, reason) VALUES (:account, 's2@example.org', :domain, 'x'), (:other, 's1@example.org', 0, 'x');
SELECT results_eq(format('SELECT email, suppressed FROM emailgw_api.get_list_targets(%s, %s, %s, 0, 9007199254740991, 2)', :account, :list, :domain),
                  $$ VALUES ('s1@example.org', false), ('s2@example.org', true) $$, '... who is suppressed for the domain is told');
SELECT is_empty(format('SELECT * FROM emailgw_api.get_list_targets(%s, %s, %s, 0, 9007199254740991, 2)', :other, :list, :domain), '... another account sees nobody');

-- Storing.
SELECT is(pg_temp.store(:account, :'job', 1, 1, 3), 'stored', 'a batch');
SELECT results_eq(format('SELECT status::text, passed, suppressed, after_id FROM emailgw.list_job WHERE job_id = %L', :'job'), $$ VALUES ('open', 3, 1, 4::bigint) $$, '... and how far it has come');
SELECT is(pg_temp.store(:account, :'job', 1, 1, 3), 'late', 'the same once more: late');
SELECT is(pg_temp.store(:other, :'job', 2, 4, 3), 'late', 'another account''s: none');
SELECT is(pg_temp.rows_of(:account, 'message'), 3, 'three mails');
SELECT results_eq(format('SELECT message_id, subject, list_id, subscriber_id, size_bytes FROM emailgw.message WHERE account_id = %s ORDER BY 1 LIMIT 1', :account),
                  format('VALUES (emailgw_api.list_mail_id(%L, 1), ''S1'', %s::bigint, 1001::bigint, 4)', :'job', :list), '... that know list and subscriber');
SELECT is((SELECT string_agg(concat_ws(' ', r.kind, r.email, c.mail_to), ', ') FROM emailgw.recipient AS r JOIN emailgw.content AS c USING (account_id, message_id)
            WHERE message_id = emailgw_api.list_mail_id(:'job', 2)), 'to s2@example.org [{"name": "N", "email": "s2@example.org"}]', '... to one each');
SELECT is(pg_temp.rows_of(:account, 'queue'), 3, '... in the queue');
SELECT is(pg_temp.unmade(:account, :domain), 6::bigint, '... and the rest is not made yet, but for who is suppressed');
SELECT is((SELECT count(*) FROM emailgw.event WHERE account_id = :account AND type = 1), 3::bigint, '... with their events');
SELECT results_eq(format('SELECT message_id, filename, content FROM emailgw_api.get_attachments(ARRAY[%s::bigint], ARRAY[emailgw_api.list_mail_id(%L, 2)])', :account, :'job'),
                  format($$ VALUES (emailgw_api.list_mail_id(%L, 2), 'a', '\x616263'::bytea) $$, :'job'), 'the job''s attachment is each mail''s');
SELECT is_empty(format('SELECT * FROM emailgw_api.get_attachments(ARRAY[%s::bigint], ARRAY[emailgw_api.list_mail_id(%L, 2)])', :other, :'job'), '... of the account alone');

-- A lease that ends; room in the queue.
SELECT pg_temp.again() \gset
UPDATE emailgw.list_job SET next_at = now() + interval '1 h' WHERE job_id = :'others_job';
SELECT is_empty('SELECT * FROM emailgw_api.claim_list_job(60, 4, 3)', 'no more while the domain has as many ready as it may');
SELECT is((SELECT waits FROM emailgw_api.get_list_job(:account, :'job', NULL, 1)), NULL, '... which is nothing to be told of');
SELECT pg_temp.again() \gset
UPDATE emailgw.list_job SET next_at = now() + interval '1 h' WHERE job_id = :'others_job';
SELECT results_eq('SELECT turn, batch FROM emailgw_api.claim_list_job(60, 4, 5)', 'VALUES (3, 2)', 'as many as there is room for');
SELECT pg_temp.again() \gset
UPDATE emailgw.list_job SET next_at = now() + interval '1 h' WHERE job_id = :'others_job';
SELECT is((SELECT turn FROM emailgw_api.claim_list_job(60, 4, 100)), 4, 'the lease is over: it is another''s');
SELECT is(pg_temp.store(:account, :'job', 3, 4, 2), 'late', '... and the former one''s batch comes too late');
SELECT is(pg_temp.rows_of(:account, 'message'), 3, '... and is not stored');

-- Limits.
UPDATE emailgw.account SET own_limits = '{hour}', sends_per_hour = 2 WHERE account_id = :account;
SELECT is(pg_temp.store(:account, :'job', 4, 4, 3), 'limit', 'more than the account may send');
SELECT is(pg_temp.rows_of(:account, 'message'), 3, '... is not stored');
SELECT results_eq('SELECT turn, batch FROM emailgw_api.claim_list_job(60, 4, 100)', 'VALUES (6, 2)', '... it comes again, with as many as are left');
SELECT is(pg_temp.store(:account, :'job', 6, 4, 2), 'stored', '... which go');
SELECT is((SELECT sum(sent) FROM emailgw.usage WHERE account_id = :account AND period = 'h'), 2::numeric, '... and count');
SELECT pg_temp.again() \gset
UPDATE emailgw.list_job SET next_at = now() + interval '1 h' WHERE job_id = :'others_job';
SELECT is_empty('SELECT * FROM emailgw_api.claim_list_job(60, 4, 100)', 'none is left');
SELECT matches((SELECT waits FROM emailgw_api.get_list_job(:account, :'job', NULL, 1)), '^2 emails per hour, until .* UTC$', '... which is told');
SELECT is((SELECT job_status FROM emailgw_api.get_list_job(:account, :'job', NULL, 1)), 'Waiting', '... it waits');
UPDATE emailgw.account SET own_limits = '{}' WHERE account_id = :account;

-- The end.
SELECT pg_temp.again() \gset
UPDATE emailgw.list_job SET next_at = now() + interval '1 h' WHERE job_id = :'others_job';
SELECT is((SELECT turn FROM emailgw_api.claim_list_job(60, 10, 100)), 8, 'the rest');
SELECT is(pg_temp.store(:account, :'job', 8, 6, 1, true), 'stored', '... is stored');
SELECT results_eq(format('SELECT status::text, plain IS NULL, finished_at IS NOT NULL FROM emailgw.list_job WHERE job_id = %L', :'job'), $$ VALUES ('finished', true, true) $$, 'it is over, its texts are gone');
SELECT is((SELECT count(message_id) FROM emailgw_api.get_list_job(:account, :'job', emailgw_api.list_mail_id(:'job', 2), 3)), 3::bigint, 'a page of its ids');
SELECT is_empty(format('SELECT * FROM emailgw_api.get_list_job(%s, %L, NULL, 1)', :other, :'job'), '... of the account alone');

SELECT is(pg_temp.unmade(:account, :domain), 0::bigint, 'of what is over nothing is left to be made');

-- What ends one, and what only stops it.
UPDATE emailgw.domain SET status = 'Suspended' WHERE domain_id = :others_domain;
SELECT is(pg_temp.unmade(:other, :others_domain), 2::bigint, 'what only waits is still to be made');
SELECT pg_temp.again() \gset
SELECT is_empty('SELECT * FROM emailgw_api.claim_list_job(60, 10, 100)', 'a suspended domain sends nothing');
SELECT is((SELECT job_status || ': ' || waits FROM emailgw_api.get_list_job(:other, :'others_job', NULL, 1)), 'Waiting: the domain or the account is not active', '... it waits');
UPDATE emailgw.domain SET status = 'Enabled', queue_epoch = queue_epoch + 1 WHERE domain_id = :others_domain;
SELECT is((SELECT job_status FROM emailgw_api.get_list_job(:other, :'others_job', NULL, 1)), 'Cancelled', 'a queue that is cut off ends it');
SELECT is(pg_temp.unmade(:other, :others_domain), 0::bigint, '... so nothing of it will be made');
SELECT pg_temp.again() \gset
SELECT is_empty('SELECT * FROM emailgw_api.claim_list_job(60, 10, 100)', '... nobody claims it');
SELECT is((SELECT status::text FROM emailgw.list_job WHERE job_id = :'others_job'), 'cancelled', '... it is over');

-- Turns: a domain with many jobs, older than the other's, which are full or inactive or have room.
SELECT is((SELECT count(*) FROM emailgw.list_lane WHERE account_id IN (:account, :other)), 0::bigint, 'domains without open jobs have no turn');
SELECT emailgw_api.list_mail_id(emailgw.uuid7(now()), 0) AS others_next \gset
SELECT count(*) FROM generate_series(1, 100) AS n, LATERAL pg_temp.accept(:account, emailgw_api.list_mail_id(emailgw.uuid7(now() + n * interval '1 us'), 0), :list) AS a \gset
SELECT pg_temp.accept(:other, :'others_next', :others_list, '\x02', 'example.net') \gset
CREATE FUNCTION pg_temp.make_due(p_older bigint) RETURNS void LANGUAGE sql VOLATILE
AS $$
    UPDATE emailgw.list_job SET next_at = now() - CASE account_id WHEN p_older THEN interval '1 h' ELSE interval '1 s' END WHERE status = 'open'
$$;
SELECT pg_temp.make_due(:account) \gset
SELECT is((SELECT job_id FROM emailgw_api.claim_list_job(60, 4, 5)), :'others_next', 'a hundred jobs of a domain that has enough ready: the other''s has its turn');
SELECT is((SELECT count(*) FROM emailgw.list_job WHERE account_id = :account AND next_at < now() - interval '59 min'), 100::bigint, '... and none of them is touched');
SELECT is((SELECT next_at - now() FROM emailgw.list_lane WHERE account_id = :account), '200 ms', '... they wait for a moment together');
UPDATE emailgw.domain SET status = 'Suspended' WHERE domain_id = :domain;
SELECT pg_temp.make_due(:account) \gset
SELECT is((SELECT job_id FROM emailgw_api.claim_list_job(60, 4, 100)), :'others_next', '... of one that is suspended, too');
UPDATE emailgw.domain SET status = 'Enabled' WHERE domain_id = :domain;
SELECT pg_temp.make_due(:account) \gset
SELECT results_eq('SELECT c.account_id FROM generate_series(1, 3) AS n CROSS JOIN LATERAL emailgw_api.claim_list_job(60, 4, 100 + n) AS c',
                  format('VALUES (%1$s::bigint), (%2$s), (%1$s)', :account, :other), '... of one that has room: they take turns');
UPDATE emailgw.domain SET queue_epoch = queue_epoch + 1 WHERE domain_id = :domain;
SELECT pg_temp.make_due(:account) \gset
SELECT is((SELECT job_id FROM emailgw_api.claim_list_job(60, 4, 100)), :'others_next', '... of one that was cut off');
SELECT is((SELECT count(*) FROM emailgw.list_job WHERE account_id = :account AND status = 'open'), 99::bigint, '... of which one look ends one');
DELETE FROM emailgw.list_job WHERE status = 'open' AND account_id IN (:account, :other);
SELECT is_empty('SELECT * FROM emailgw_api.claim_list_job(60, 4, 100)', 'no job is left');
SELECT is((SELECT count(*) FROM emailgw.list_lane WHERE account_id = :account), 0::bigint, '... the domain is forgotten');

-- Somebody is erased while mails are made.
SELECT emailgw_api.list_mail_id(emailgw.uuid7(now()), 0) AS erased_job, emailgw_api.list_mail_id(emailgw.uuid7(now()), 0) AS later_job \gset
SELECT pg_temp.accept(:other, :'erased_job', :others_list, '\x02', 'example.net') \gset
SELECT pg_temp.accept(:other, :'later_job', :others_list, '\x02', 'example.net', p_send_at => now() + interval '1 h') \gset
SELECT turn AS made_turn FROM emailgw_api.claim_list_job(60, 4, 100) \gset
SELECT subscriber_id AS gone FROM emailgw.subscriber WHERE account_id = :other AND address = 'a@example.org' \gset
SELECT subscriber_id AS kept FROM emailgw.subscriber WHERE account_id = :other AND address = 'b@example.org' \gset
SELECT is(emailgw_api.erase_subscribers(:other, 'a@example.org'), 1, 'somebody on a list is erased');
SELECT is(pg_temp.store(:other, :'erased_job', :made_turn, 1, 2), 'late', 'the batch in hand comes too late');
SELECT results_eq('SELECT job_id, turn FROM emailgw_api.claim_list_job(60, 4, 100)', format('VALUES (%L::uuid, %s)', :'erased_job', :made_turn + 2), '... and is made again at once');
SELECT is((SELECT waits || ' ' || (next_at - now()) FROM emailgw.list_job WHERE job_id = :'later_job'), 'SendAt 01:00:00', '... one for later is left to its time');
SELECT emailgw_api.list_mail_id(emailgw.uuid7(now()), 0) AS direct_job \gset
SELECT results_eq(format($$ SELECT status, recipients FROM pg_temp.accept(%s, %L, %s, '\x02', 'example.net',
           (SELECT jsonb_agg(m || jsonb_build_object('subscriber_id', CASE m ->> 'no' WHEN '1' THEN %s ELSE %s END)) FROM jsonb_array_elements(pg_temp.mails(1, 2)) AS m)) $$,
           :other, :'direct_job', :others_list, :gone, :kept), 'VALUES (0, 1)', 'a mail that was made with the request for who is erased is none');
SELECT results_eq(format('SELECT message_id, subscriber_id FROM emailgw.message WHERE account_id = %s AND message_id > %L', :other, :'direct_job'),
                  format('VALUES (emailgw_api.list_mail_id(%L, 1), %s::bigint)', :'direct_job', :kept), '... the others'' are');
DELETE FROM emailgw.list_job WHERE account_id = :other AND status IN ('open', 'finished');

-- Housekeeping.
SELECT emailgw_api.delete_list(:other, :others_list) \gset
UPDATE emailgw.list_job SET finished_at = now() - interval '91 days' WHERE job_id = :'others_job';
SELECT cmp_ok(emailgw_api.purge_lists(90), '>=', 3::bigint, 'a deleted list, its subscriber and an old job go');
SELECT is(pg_temp.rows_of(:other, 'list') + pg_temp.rows_of(:other, 'subscriber') + pg_temp.rows_of(:other, 'list_job'), 0, '... all of it');

SELECT * FROM finish();
ROLLBACK;
