-- record_attempts with touch_last_used: what becomes of a row by its result, who
-- may write one, and that the counters agree with the events.
\ir lib/setup.psql
SELECT plan(57);

DELETE FROM emailgw.queue; -- undone in the end
DELETE FROM emailgw.daily_count;
-- Claims all that is due: one outcome for each, to be recorded as it is or changed.
CREATE FUNCTION pg_temp.outcomes(p_result text, p_detail jsonb DEFAULT '{}', p_retry float DEFAULT 60) RETURNS jsonb
LANGUAGE sql VOLATILE
AS $$
    SELECT jsonb_agg(jsonb_build_object('account_id', c.account_id, 'message_id', c.message_id,
              'recipient_no', c.recipient_no,
                                        'attempt', c.attempt, 'result', p_result, 'retry', p_retry, 'detail',
                                            '{"smtp": {"code": 1}}'::jsonb || p_detail))
      FROM emailgw_api.claim_messages(100, 60, 0) AS c
$$;
-- What is in the events of an account and what the counters say, as texts.
CREATE FUNCTION pg_temp.in_events(p_account_id bigint) RETURNS text[] LANGUAGE sql STABLE
AS $$
    SELECT array_agg(c.line ORDER BY c.line)
      FROM (SELECT concat_ws(' ', e.domain_id, (e.at AT TIME ZONE 'UTC')::date, e.type, t.tag,
          count(*)) AS line
              FROM emailgw.event AS e
              JOIN emailgw.message AS m USING (account_id, message_id)
             CROSS JOIN LATERAL unnest('{""}' || m.tags) AS t (tag)
             WHERE e.account_id = p_account_id
             GROUP BY e.domain_id, (e.at AT TIME ZONE 'UTC')::date, e.type, t.tag) AS c
$$;
CREATE FUNCTION pg_temp.in_counts(p_account_id bigint) RETURNS text[] LANGUAGE sql STABLE
AS $$
    SELECT array_agg(c.line ORDER BY c.line)
      FROM (SELECT concat_ws(' ', d.domain_id, d.day, d.type, d.tag, sum(d.count)) AS line
              FROM emailgw.daily_count AS d WHERE d.account_id = p_account_id
             GROUP BY d.domain_id, d.day, d.type, d.tag) AS c
$$;

-- Delivered.
SELECT message_id AS id FROM pg_temp.send(:account, p_emails => '{ann@example.net,bob@example.org}',
          p_tags => '{a,b}') \gset
SAVEPOINT sent;
SELECT pg_temp.outcomes('delivered',
          '{"smtp": {"host": "mx.example.net", "code": 250, "text": "ok"}}') AS outcomes \gset
SELECT results_eq(format('SELECT * FROM pg_temp.record_outcomes(%L)', :'outcomes'), 'VALUES (2, 0)',
          'delivered: both recorded');
SELECT is(pg_temp.rows_of(:account, 'queue'), 0, '... out of the queue');
SELECT is((SELECT array_agg(concat_ws(' ', r.status, r.attempts, r.finished_at = now()))
          FROM emailgw.recipient AS r WHERE r.message_id = :'id'),
          '{"delivered 1 t","delivered 1 t"}', '... the recipients are finished');
SELECT is((SELECT array_agg(e.recipient_no || ' ' || e.email || ' ' || (e.detail #>> '{smtp,host}') || ' '
          || (e.detail ->> 'attempt')
                            ORDER BY e.recipient_no) FROM emailgw.event AS e WHERE e.message_id = :'id'
                                AND e.type = 2),
          '{"1 ann@example.net mx.example.net 1","2 bob@example.org mx.example.net 1"}',
              '... with an event each');
SELECT is((SELECT bool_and(e.domain_id = :domain AND e.at = now()
          AND emailgw.uuid7_time(e.event_id) = date_trunc('milliseconds', e.at))
             FROM emailgw.event AS e WHERE e.message_id = :'id'), true,
                 '... of their domain, their id of their time');
SELECT is(pg_temp.in_counts(:account), pg_temp.in_events(:account), 'counters agree with the events');
SELECT is((SELECT sum(d.count) FROM emailgw.daily_count AS d WHERE d.account_id = :account AND d.type = 2
          AND d.tag = 'b'), 2::numeric, '... for each tag');
SELECT results_eq(format('SELECT * FROM pg_temp.record_outcomes(%L)', :'outcomes'), 'VALUES (0, 2)',
          'the same again: fenced');
SELECT is(pg_temp.rows_of(:account, 'event'), 4, '... no event more');
SELECT is(pg_temp.in_counts(:account), pg_temp.in_events(:account), '... and no count');
SELECT is((SELECT d.last_used_at FROM emailgw.domain AS d WHERE d.account_id = :account), now(),
          'the domain was used now');
SELECT is((SELECT k.last_used_at FROM emailgw.api_key AS k WHERE k.account_id = :account), now(),
          'so was the key');
ROLLBACK TO sent;

-- Recorded late: the first one 90 seconds after its end; the other one's clock is wrong.
SELECT pg_temp.outcomes('delivered') AS outcomes \gset
SELECT pg_temp.record_outcomes(jsonb_build_array(:'outcomes'::jsonb -> 0 || '{"age": 90}', :'outcomes'::jsonb -> 1 || '{"age": -1}')) \gset
SELECT is((SELECT array_agg(now() - r.finished_at ORDER BY r.recipient_no) FROM emailgw.recipient AS r WHERE r.message_id = :'id'),
          '{00:01:30,00:00:00}'::interval[], 'recorded late: the recipients have finished before');
ROLLBACK TO sent;

-- Bounced.
SELECT results_eq(format('SELECT * FROM pg_temp.record_outcomes(%L)', pg_temp.outcomes('bounced')),
          'VALUES (2, 0)', 'bounced: recorded');
SELECT is(pg_temp.rows_of(:account, 'queue'), 0, '... out of the queue');
SELECT is((SELECT array_agg(DISTINCT concat_ws(' ', r.status, r.attempts, r.finished_at = now()))
          FROM emailgw.recipient AS r WHERE r.message_id = :'id'),
          '{"bounced 1 t"}', '... the recipients are finished');
SELECT is((SELECT count(*) FROM emailgw.event AS e WHERE e.message_id = :'id' AND e.type = 4), 2::bigint,
          '... with an event each');
SELECT is(pg_temp.in_counts(:account), pg_temp.in_events(:account), 'counters agree with the events');
ROLLBACK TO sent;

-- Expired.
SELECT results_eq(format('SELECT * FROM pg_temp.record_outcomes(%L)',
                         pg_temp.outcomes('expired', '{"bounce": {"class": "expired"}, "ambiguous": true}')), 'VALUES (2, 0)', 'expired: recorded');
SELECT is((SELECT array_agg(DISTINCT concat_ws(' ', r.status, r.attempts, r.finished_at = now())) FROM emailgw.recipient AS r WHERE r.message_id = :'id'),
          '{"expired 1 t"}', '... the recipients are finished as such');
SELECT is((SELECT array_agg(DISTINCT e.type || ' ' || (e.detail #>> '{bounce,class}') || ' ' || (e.detail ->> 'ambiguous')) FROM emailgw.event AS e
            WHERE e.message_id = :'id' AND e.type <> 1), '{"4 expired true"}', '... with a bounce event that says so');
SELECT is(pg_temp.in_counts(:account), pg_temp.in_events(:account), 'counters agree with the events');
ROLLBACK TO sent;
SELECT pg_temp.outcomes('bounced', '{"bounce": {"class": "permanent"}}') AS outcomes \gset
SELECT * FROM pg_temp.record_outcomes(:'outcomes') \gset
SELECT is((SELECT array_agg(DISTINCT r.status || ' ' || (e.detail - 'smtp')::text) FROM emailgw.recipient AS r
             JOIN emailgw.event AS e USING (account_id, message_id, recipient_no) WHERE r.message_id = :'id' AND e.type = 4),
          '{"bounced {\"bounce\": {\"class\": \"permanent\"}, \"attempt\": 1}"}', 'a permanent one: bounced, and nothing is said that is not');
ROLLBACK TO sent;

-- Suppressed by its bounce.
SELECT pg_temp.outcomes('bounced', '{"smtp": {"code": 550, "enhanced": "5.1.1", "text": "User unknown"}, "bounce": {"class": "recipient", "suppress": true}}') AS outcomes \gset
SELECT pg_temp.record_outcomes(jsonb_build_array(:'outcomes'::jsonb -> 0)) \gset
SELECT results_eq(format('SELECT s.address, s.domain_id, s.reason, s.message_id, s.reply FROM emailgw.suppression AS s WHERE s.account_id = %s', :account),
          format($$ VALUES ('ann@example.net', 0::bigint, 'bounce', %L::uuid, '550 5.1.1 User unknown') $$, :'id'),
          'a bounce that suppresses: on the list, with why, for all domains of the account');
SELECT pg_temp.record_outcomes(:'outcomes') \gset
SELECT is((SELECT array_agg(s.address ORDER BY s.address) FROM emailgw.suppression AS s WHERE s.account_id = :account),
          '{ann@example.net,bob@example.org}', '... the rest of the batch as well');
SELECT is((SELECT a.status || a.detail FROM pg_temp.send(:account, p_emails => '{carl@example.net,ANN@Example.NET}') AS a),
          '14ANN@Example.NET', '... and a later mail is refused');
SELECT is(pg_temp.rows_of(s.other, 'suppression'), 0, 'another account''s list is its own') FROM (SELECT pg_temp.new_account()) AS s (other);
ROLLBACK TO sent;
INSERT INTO emailgw.suppression (account_id, address, reason) VALUES (:account, 'ann@example.net', 'manual');
SELECT pg_temp.record_outcomes(pg_temp.outcomes('bounced', '{"bounce": {"class": "recipient", "suppress": true}}')) \gset
SELECT is((SELECT s.reason FROM emailgw.suppression AS s WHERE s.account_id = :account AND s.address = 'ann@example.net'),
          'manual', 'an entry that is there stays as it is');
ROLLBACK TO sent;
SELECT pg_temp.outcomes('bounced', '{"bounce": {"class": "recipient", "suppress": true}}') AS outcomes \gset
UPDATE emailgw.queue SET next_at = now() WHERE account_id = :account;
SELECT pg_temp.outcomes('deferred') \gset
SELECT pg_temp.record_outcomes(:'outcomes') \gset
SELECT is(pg_temp.rows_of(:account, 'suppression'), 0, 'a late owner''s bounce suppresses nobody');
ROLLBACK TO sent;
SELECT pg_temp.record_outcomes(pg_temp.outcomes('bounced', '{"bounce": {"class": "policy"}}')) \gset
SELECT is(pg_temp.rows_of(:account, 'suppression'), 0, 'nor does a bounce that does not say so');
ROLLBACK TO sent;
SELECT pg_temp.record_outcomes(pg_temp.outcomes('expired', '{"bounce": {"class": "expired", "suppress": true}}')) \gset
SELECT is(pg_temp.rows_of(:account, 'suppression'), 0, 'nor what has expired');
ROLLBACK TO sent;
UPDATE emailgw.queue SET email = CASE recipient_no WHEN 1 THEN 'Bounce+1@Simulator.Invalid' ELSE 'x@not.simulator.invalid' END WHERE account_id = :account;
SELECT pg_temp.record_outcomes(pg_temp.outcomes('bounced', '{"bounce": {"class": "recipient", "suppress": true}}')) \gset
SELECT is((SELECT array_agg(s.address) FROM emailgw.suppression AS s WHERE s.account_id = :account), '{x@not.simulator.invalid}',
          'the simulator''s addresses stay usable');
ROLLBACK TO sent;

-- Suppressed before it was sent.
SELECT results_eq(format('SELECT * FROM pg_temp.record_outcomes(%L)', pg_temp.outcomes('suppressed')), 'VALUES (2, 0)',
          'suppressed: recorded');
SELECT is(pg_temp.rows_of(:account, 'queue'), 0, '... out of the queue');
SELECT is((SELECT array_agg(DISTINCT concat_ws(' ', r.status, r.attempts, r.finished_at = now())) FROM emailgw.recipient AS r WHERE r.message_id = :'id'),
          '{"suppressed 0 t"}', '... the recipients are finished, without an attempt');
SELECT is((SELECT array_agg(e.type || coalesce(e.detail::text, '') ORDER BY e.type) FROM emailgw.event AS e WHERE e.message_id = :'id'),
          '{1,1,5,5}', '... with one event each');
SELECT is(pg_temp.in_counts(:account), pg_temp.in_events(:account), 'counters agree with the events');
ROLLBACK TO sent;

-- Deferred, again, then delivered.
SELECT pg_temp.outcomes('deferred', p_retry => 90) AS outcomes \gset
SELECT results_eq(format('SELECT * FROM pg_temp.record_outcomes(%L)', :'outcomes'), 'VALUES (2, 0)',
          'deferred: recorded');
SELECT is((SELECT array_agg(DISTINCT concat_ws(' ', q.ready, q.leased, q.counted, q.next_at - now()))
          FROM emailgw.queue AS q WHERE q.account_id = :account),
          '{"f f t 00:01:30"}', '... waits as long as asked');
SELECT is((SELECT array_agg(DISTINCT concat_ws(' ', r.status, r.attempts, r.finished_at))
          FROM emailgw.recipient AS r WHERE r.message_id = :'id'),
          '{"queued 1"}', '... the recipients are not finished');
SELECT results_eq(format('SELECT * FROM pg_temp.record_outcomes(%L)', :'outcomes'), 'VALUES (0, 2)',
          'the same again: fenced');
UPDATE emailgw.queue SET next_at = now() WHERE account_id = :account;
SELECT pg_temp.outcomes('deferred') AS outcomes \gset
SELECT * FROM pg_temp.record_outcomes(:'outcomes') \gset
UPDATE emailgw.queue SET next_at = now() WHERE account_id = :account;
SELECT pg_temp.outcomes('delivered') AS outcomes \gset
SELECT * FROM pg_temp.record_outcomes(:'outcomes') \gset
SELECT is((SELECT array_agg(e.type || ':' || coalesce(e.detail ->> 'attempt', '') ORDER BY e.type,
          e.detail ->> 'attempt')
             FROM emailgw.event AS e WHERE e.message_id = :'id' AND e.recipient_no = 1), '{1:,2:3,3:1,3:2}',
                 'two more tries: an event each, numbered');
SELECT is(pg_temp.in_counts(:account), pg_temp.in_events(:account),
          'counters agree: the send event is counted once');
ROLLBACK TO sent;

-- Released, for later and at once.
SELECT * FROM pg_temp.record_outcomes(pg_temp.outcomes('released', p_retry => 10)) \gset
SELECT is((SELECT array_agg(DISTINCT concat_ws(' ', q.ready, q.leased, q.counted, q.next_at - now()))
          FROM emailgw.queue AS q WHERE q.account_id = :account),
          '{"f f f 00:00:10"}', 'released for a while: due again then');
ROLLBACK TO sent;
SELECT pg_temp.outcomes('released', p_retry => 0) AS outcomes \gset
SELECT results_eq(format('SELECT * FROM pg_temp.record_outcomes(%L)', :'outcomes'), 'VALUES (2, 0)',
          'released: recorded');
SELECT is((SELECT array_agg(DISTINCT concat_ws(' ', q.ready, q.leased, q.counted, q.next_at - now()))
          FROM emailgw.queue AS q WHERE q.account_id = :account),
          '{"t f f 00:00:00"}', '... due again at once');
SELECT is(pg_temp.rows_of(:account, 'event'), 2, '... without an event');
SELECT is(pg_temp.rows_of(:account, 'daily_count'), 0, '... or a count');
SELECT pg_temp.outcomes('delivered') AS later \gset
SELECT results_eq(format('SELECT * FROM pg_temp.record_outcomes(%L)', :'outcomes'), 'VALUES (0, 2)',
          'the release again, after the next claim: fenced');
SELECT * FROM pg_temp.record_outcomes(:'later') \gset
SELECT is((SELECT array_agg(DISTINCT r.attempts || ' ' || (e.detail ->> 'attempt'))
          FROM emailgw.recipient AS r
             JOIN emailgw.event AS e USING (account_id, message_id, recipient_no) WHERE r.message_id = :'id'
                 AND e.type = 2),
          '{"1 1"}', 'what was released does not count as an attempt');
ROLLBACK TO sent;

-- The fence.
SELECT pg_temp.outcomes('delivered') AS outcomes \gset
UPDATE emailgw.queue SET next_at = now() WHERE account_id = :account;
SAVEPOINT lapsed;
SELECT emailgw_api.wake_queue(100) \gset
SELECT results_eq(format('SELECT * FROM pg_temp.record_outcomes(%L)', :'outcomes'), 'VALUES (2, 0)',
                  'after the end of the lease, before another claim: recorded');
SELECT is(pg_temp.rows_of(:account, 'queue'), 0, '... and not sent twice');
ROLLBACK TO lapsed;
SELECT pg_temp.outcomes('deferred') AS newer \gset
SELECT results_eq(format('SELECT * FROM pg_temp.record_outcomes(%L)', :'outcomes'), 'VALUES (0, 2)',
          'after another claim: fenced');
SELECT is(pg_temp.rows_of(:account, 'event'), 2, '... nothing written');
SELECT results_eq(format('SELECT * FROM pg_temp.record_outcomes(%L)',
          jsonb_build_array(:'newer'::jsonb -> 0, :'outcomes'::jsonb -> 1)),
                  'VALUES (1, 1)', 'one owned and one fenced in a call');
SELECT results_eq($$ SELECT * FROM pg_temp.record_outcomes('[]') $$, 'VALUES (0, 0)',
          'nothing to record');
SELECT results_eq(format('SELECT * FROM pg_temp.record_outcomes(jsonb_set(%L, ''{0,account_id}'', ''%s''))', :'newer'::jsonb #- '{1}', :account + 64),
                  'VALUES (0, 1)', 'an account''s fence does not open another''s row');

SELECT * FROM finish();
ROLLBACK;
