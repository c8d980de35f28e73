-- get_message, cancel_message, move_message: whose messages they are, what of them waits,
-- and that each recipient has one end.
\ir lib/setup.psql
SELECT plan(52);

DELETE FROM emailgw.queue; -- undone in the end
SELECT pg_temp.new_domain(:account, 'second.example') AS second \gset
SELECT pg_temp.new_key(:account, :second, '\x02'), pg_temp.new_key(:account, :domain, '\x05', 'events'),
       pg_temp.new_key(:account, :domain, '\x06', 'send') \gset
SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_key(:other, pg_temp.new_domain(:other, 'other.example'), '\x03') \gset
SELECT message_id AS mail FROM pg_temp.send(:account, p_emails => '{a@example.net,b@example.net,c@example.net}', p_tags => '{x,y}',
                                            p_send_at => now() + interval '1 day') \gset
SELECT message_id AS beside FROM pg_temp.send(:account) \gset
CREATE FUNCTION pg_temp.statuses(p_account bigint, p_key bytea, p_id uuid) RETURNS text LANGUAGE sql VOLATILE
AS $$
    SELECT concat_ws(' ', (SELECT min(g.status) FROM emailgw_api.get_message(p_account, p_key, p_id, 5) AS g),
                     emailgw_api.move_message(p_account, p_key, p_id, now() + interval '2 days'),
                     (emailgw_api.cancel_message(p_account, p_key, p_id)).status)
$$;
CREATE FUNCTION pg_temp.states(p_account bigint, p_id uuid) RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT string_agg(concat_ws(' ', left(r ->> 'email', 1), r ->> 'kind', r ->> 'state', r ->> 'attempts',
                                CASE WHEN r ->> 'next_us' IS NOT NULL THEN 'next' END,
                                CASE WHEN r ->> 'finished_us' IS NOT NULL THEN 'finished' END), ', ')
      FROM emailgw_api.get_message(p_account, NULL, p_id, 5) AS g, jsonb_array_elements(g.recipients) AS r
$$;
CREATE FUNCTION pg_temp.due(p_id uuid) RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT (SELECT coalesce((m.send_at - now())::text, 'at once') FROM emailgw.message AS m WHERE m.message_id = p_id) || ': '
        || string_agg((q.next_at - now())::text || CASE WHEN q.ready THEN ' ready' ELSE '' END, ', ') FROM emailgw.queue AS q WHERE q.message_id = p_id
$$;
SAVEPOINT filled;

-- Whose: the three of them alike.
SELECT is(pg_temp.statuses(:account, '\x02', :'mail'), '131 131 131', 'a key of another domain of the account');
SELECT is(pg_temp.statuses(:other, '\x03', :'mail'), '131 131 131', 'a key of another account');
SELECT is(pg_temp.statuses(:other, NULL, :'mail'), '131 131 131', 'another account');
SELECT is(pg_temp.statuses(:account, '\x01', '00000000-0000-0000-0000-000000000000'), '131 131 131', 'an id that no message has');
SELECT is(pg_temp.statuses(:account, NULL, 'ffffffff-ffff-ffff-ffff-ffffffffffff'), '131 131 131', 'the greatest of all ids');
SELECT is(pg_temp.statuses(:account, '\x99', :'mail'), '13 13 13', 'a key that does not exist');
SELECT is(pg_temp.statuses(:account, '\x05', :'mail'), '0 113 113', 'a key that may read events alone');
SELECT is(pg_temp.statuses(:account, '\x06', '00000000-0000-0000-0000-000000000000'), '113 131 131', 'a key that may send alone');
SELECT is((SELECT count(*) FROM emailgw.queue WHERE message_id = :'mail' AND next_at = now() + interval '1 day'), 3::bigint,
          'nothing has changed');
SELECT is(pg_temp.statuses(:account, NULL, :'mail'), '0 0 0', 'the account itself');
ROLLBACK TO filled;

-- What a message is.
SELECT is(pg_temp.states(:account, :'mail'), 'a to scheduled 0 next, b to scheduled 0 next, c to scheduled 0 next', 'scheduled');
SELECT results_eq(format('SELECT status, domain_name, from_email, from_name, subject, tags, send_at_us, accepted_at_us, message_id'
                         ' FROM emailgw_api.get_message(%s, ''\x01'', %L, 1)', :account, :'mail'),
                  format($$ VALUES (0, 'example.com', 'sender@example.com', 'Sender', 'Subject', '["x", "y"]'::jsonb,
                            (extract(epoch FROM now() + interval '1 day') * 1000000)::bigint,
                            (extract(epoch FROM now()) * 1000000)::bigint, %L::uuid) $$, :'mail'), 'the message');
SELECT is((SELECT array_agg(recipients IS NOT NULL ORDER BY event_id DESC) FROM emailgw_api.get_message(:account, NULL, :'mail', 10)),
          '{true,false,false}', 'recipients are in the first row alone');
SELECT is((SELECT array_agg(type || ' ' || email ORDER BY email) FROM emailgw_api.get_message(:account, NULL, :'mail', 10)),
          '{"1 a@example.net","1 b@example.net","1 c@example.net"}', 'its events');
SELECT is((SELECT count(*) FROM emailgw_api.get_message(:account, NULL, :'mail', 2)), 2::bigint, '... as many as are wanted');
UPDATE emailgw.queue SET leased = true, ready = false, next_at = now() + interval '1 minute' WHERE message_id = :'mail' AND recipient_no = 1;
UPDATE emailgw.queue SET ready = true, next_at = now() WHERE message_id = :'mail' AND recipient_no = 2;
UPDATE emailgw.recipient SET attempts = 2 WHERE message_id = :'mail' AND recipient_no = 3;
SELECT is(pg_temp.states(:account, :'mail'), 'a to sending 0, b to queued 0 next, c to deferred 2 next', 'sending, queued, deferred');
UPDATE emailgw.queue SET ready = true, next_at = now() WHERE message_id = :'mail' AND recipient_no = 1;
SELECT is(pg_temp.states(:account, :'mail'), 'a to queued 0 next, b to queued 0 next, c to deferred 2 next', 'a lease that is over');
DELETE FROM emailgw.event WHERE message_id = :'mail';
SELECT is((SELECT array_agg(concat_ws(' ', status, event_id, jsonb_array_length(recipients))) FROM emailgw_api.get_message(:account, NULL, :'mail', 5)),
          '{"0 3"}', 'events that are gone: one row all the same');
ROLLBACK TO filled;

-- Cancelled.
SELECT results_eq(format('SELECT * FROM emailgw_api.cancel_message(%s, ''\x01'', %L)', :account, :'mail'), 'VALUES (0, 3, 0, 0)',
                  'all that waits');
SELECT is(pg_temp.states(:account, :'mail'), 'a to cancelled 0 finished, b to cancelled 0 finished, c to cancelled 0 finished', '... ends');
SELECT is((SELECT count(*) FROM emailgw.queue WHERE message_id = :'mail'), 0::bigint, '... and leaves the queue');
SELECT is((SELECT array_agg(e.email ORDER BY e.email) FROM emailgw.event AS e WHERE e.message_id = :'mail' AND e.type = 6),
          '{a@example.net,b@example.net,c@example.net}', '... with an event each');
SELECT is((SELECT sum(count) FROM emailgw.daily_count WHERE account_id = :account AND domain_id = :domain AND type = 6 AND tag = 'x'), 3::numeric,
          '... that is counted');
SELECT results_eq(format('SELECT * FROM emailgw_api.cancel_message(%s, ''\x01'', %L)', :account, :'mail'), 'VALUES (0, 0, 0, 3)',
                  'again: finished');
SELECT is((SELECT count(*) FROM emailgw.event AS e WHERE e.message_id = :'mail' AND e.type = 6), 3::bigint, '... without more events');
SELECT is((SELECT count(*) FROM emailgw.queue WHERE message_id = :'beside'), 1::bigint, 'the mail beside it is still there');
ROLLBACK TO filled;

UPDATE emailgw.queue SET next_at = now(), ready = true WHERE message_id = :'mail' AND recipient_no = 1;
SELECT attempt, message_id AS claimed FROM emailgw_api.claim_messages(100, 60, 0) WHERE message_id = :'mail' \gset
SELECT results_eq(format('SELECT * FROM emailgw_api.cancel_message(%s, ''\x01'', %L)', :account, :'mail'), 'VALUES (0, 2, 1, 0)',
                  'what is leased is left');
SELECT is(pg_temp.states(:account, :'mail'), 'a to sending 0, b to cancelled 0 finished, c to cancelled 0 finished', '... in hand');
UPDATE emailgw.queue SET ready = true, next_at = now() WHERE message_id = :'mail';
SELECT results_eq(format('SELECT * FROM emailgw_api.cancel_message(%s, NULL, %L)', :account, :'mail'), 'VALUES (0, 0, 1, 2)',
                  'so is one whose lease is over, and that nobody has taken');
SAVEPOINT in_hand;
SELECT is((SELECT recorded FROM pg_temp.record_outcomes(jsonb_build_array(jsonb_build_object('account_id', :account, 'message_id', :'mail',
          'recipient_no', 1, 'attempt', :attempt, 'result', 'delivered')))), 1, 'it is delivered');
SELECT results_eq(format('SELECT * FROM emailgw_api.cancel_message(%s, ''\x01'', %L)', :account, :'mail'), 'VALUES (0, 0, 0, 3)',
                  '... and finished');
SELECT is((SELECT count(*) FROM emailgw.event AS e WHERE e.message_id = :'mail' AND e.type IN (2, 6)), 3::bigint, 'each has one end');
ROLLBACK TO in_hand;
SELECT is((SELECT recorded FROM pg_temp.record_outcomes(jsonb_build_array(jsonb_build_object('account_id', :account, 'message_id', :'mail',
          'recipient_no', 1, 'attempt', :attempt, 'result', 'deferred', 'retry', 60)))), 1, 'or it is deferred');
SELECT results_eq(format('SELECT * FROM emailgw_api.cancel_message(%s, ''\x01'', %L)', :account, :'mail'), 'VALUES (0, 1, 0, 2)',
                  '... and then cancelled');
SELECT is((SELECT attempts FROM emailgw.recipient WHERE message_id = :'mail' AND recipient_no = 1), 1::smallint, '... which is no attempt');
SELECT is((SELECT recorded FROM pg_temp.record_outcomes(jsonb_build_array(jsonb_build_object('account_id', :account, 'message_id', :'mail',
          'recipient_no', 1, 'attempt', :attempt, 'result', 'delivered')))), 0, 'a late result finds nothing');
ROLLBACK TO filled;

SELECT known FROM emailgw_api.clear_domain_queue(:account, :domain) \gset
SELECT results_eq(format('SELECT * FROM emailgw_api.cancel_message(%s, ''\x01'', %L)', :account, :'mail'), 'VALUES (0, 3, 0, 0)',
                  'what was cut off, too');
SELECT is(emailgw_api.move_message(:account, '\x01', :'beside', NULL), 409, '... but it cannot be moved');
ROLLBACK TO filled;

-- Moved.
SELECT is(emailgw_api.move_message(:account, '\x01', :'mail', now() + interval '2 days'), 0, 'later');
SELECT is(pg_temp.due(:'mail'), '2 days: 2 days, 2 days, 2 days', '... all of it');
SELECT is(emailgw_api.move_message(:account, '\x01', :'mail', NULL), 0, 'now');
SELECT is(pg_temp.due(:'mail'), 'at once: 00:00:00 ready, 00:00:00 ready, 00:00:00 ready', '... all of it');
SELECT is(emailgw_api.move_message(:account, '\x01', :'mail', now() + interval '1 hour'), 0, 'what is due can be put off');
SELECT is(pg_temp.due(:'mail'), '01:00:00: 01:00:00, 01:00:00, 01:00:00', '... all of it');
SELECT is(pg_temp.due(:'beside'), 'at once: 00:00:00 ready', 'the mail beside it is as it was');
SELECT is(emailgw_api.move_message(:account, '\x01', :'mail', NULL), 0, 'now again');
SELECT attempt FROM emailgw_api.claim_messages(100, 60, 0) WHERE message_id = :'mail' AND recipient_no = 1 \gset
SELECT is(emailgw_api.move_message(:account, '\x01', :'mail', now() + interval '2 days'), 409, 'what is in hand cannot be moved');
SELECT recorded FROM pg_temp.record_outcomes((SELECT jsonb_agg(jsonb_build_object('account_id', q.account_id, 'message_id', q.message_id,
       'recipient_no', q.recipient_no, 'attempt', q.attempt, 'result', 'released')) FROM emailgw.queue AS q WHERE q.message_id = :'mail')) \gset
SELECT is(emailgw_api.move_message(:account, '\x01', :'mail', now() + interval '2 days'), 0, 'what was given back can');
SELECT is((SELECT count(first_attempt_at) FROM emailgw.queue WHERE message_id = :'mail'), 0::bigint, '... and its lifetime has not begun');
-- It was claimed with the other.
SELECT recorded FROM pg_temp.record_outcomes((SELECT jsonb_agg(jsonb_build_object('account_id', q.account_id, 'message_id', q.message_id,
       'recipient_no', q.recipient_no, 'attempt', q.attempt, 'result', 'deferred', 'retry', 60)) FROM emailgw.queue AS q WHERE q.message_id = :'beside')) \gset
SELECT is(emailgw_api.move_message(:account, '\x01', :'beside', NULL), 409, 'what was tried cannot be moved');
UPDATE emailgw.queue SET leased = true WHERE message_id = :'mail' AND recipient_no = 2;
SELECT is(emailgw_api.move_message(:account, '\x01', :'mail', NULL), 409, 'nor what is in hand in part');
SELECT is((SELECT string_agg(DISTINCT (send_at - now())::text, ' ') FROM emailgw.message WHERE message_id = :'mail'), '2 days', '... and nothing has changed');

SELECT * FROM finish();
ROLLBACK;
