-- Webhooks: jobs with their events, fair claims, fenced results, the end of a webhook.
\ir lib/setup.psql
SELECT plan(65);

DELETE FROM emailgw.queue; -- undone in the end
DELETE FROM emailgw.webhook_queue;
SELECT pg_temp.new_account() AS second \gset
SELECT pg_temp.new_domain(:second, 'example.net') AS second_domain \gset
SELECT pg_temp.new_key(:second, :second_domain, '\x01') \gset

CREATE FUNCTION pg_temp.add(p_account_id bigint, p_domain_id bigint, p_events smallint[], p_limit integer DEFAULT 100)
RETURNS bigint LANGUAGE sql VOLATILE
AS $$ SELECT webhook_id FROM emailgw_api.add_webhook(p_account_id, p_domain_id, 'https://hooks.example.org/', p_events, p_limit) $$;
-- The jobs of a webhook, by the type of their event.
CREATE FUNCTION pg_temp.jobs(p_webhook_id bigint) RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT string_agg(e.type::text, ' ' ORDER BY e.type) FROM emailgw.webhook_queue AS q
      JOIN emailgw.event AS e USING (account_id, domain_id, event_id, message_id) WHERE q.webhook_id = p_webhook_id
$$;
-- Claims mails and records one result for all.
CREATE FUNCTION pg_temp.attempt(p_result text) RETURNS void LANGUAGE sql VOLATILE
AS $$
    SELECT emailgw_api.record_attempts(array_agg(c.account_id), array_agg(c.message_id),
               array_agg(c.recipient_no::smallint), array_agg(c.attempt), array_agg(p_result),
               array_agg(60::double precision), array_agg('{}'::jsonb))
      FROM emailgw_api.claim_messages(100, 60, 0) AS c
$$;
-- Jobs straight into the queue.
CREATE FUNCTION pg_temp.enqueue(p_account_id bigint, p_webhook_id bigint, p_count integer) RETURNS void LANGUAGE sql VOLATILE
AS $$
    INSERT INTO emailgw.webhook_queue (account_id, webhook_id, event_id, domain_id, message_id)
    SELECT w.account_id, w.webhook_id, emailgw.uuid7(now()), w.domain_id, emailgw.uuid7(now())
      FROM emailgw.webhook AS w, generate_series(1, p_count) WHERE w.account_id = p_account_id AND w.webhook_id = p_webhook_id
$$;
-- How many of each webhook one claim takes: "1:3 65:1".
CREATE FUNCTION pg_temp.claimed(p_limit integer, p_after bigint DEFAULT 0, p_busy bigint[] DEFAULT '{}',
                                p_without_failing boolean DEFAULT false) RETURNS text
LANGUAGE sql VOLATILE
AS $$
    SELECT string_agg(c.webhook_id || ':' || c.count, ' ' ORDER BY c.webhook_id)
      FROM (SELECT webhook_id, count(*) FROM emailgw_api.claim_webhooks(p_limit, 60, p_after, p_busy, p_without_failing) GROUP BY 1) AS c
$$;
-- Claims up to p_limit and records one result for all: recorded, fenced, how many were disabled.
CREATE FUNCTION pg_temp.results(p_result text, p_more jsonb DEFAULT '{}', p_limit integer DEFAULT 100) RETURNS jsonb
LANGUAGE sql VOLATILE
AS $$
    SELECT jsonb_agg(jsonb_build_object('account_id', c.account_id, 'webhook_id', c.webhook_id, 'event_id', c.event_id,
                                        'attempt', c.attempt, 'result', p_result) || p_more)
      FROM emailgw_api.claim_webhooks(p_limit, 60, 0, '{}') AS c
$$;
-- What a sender makes of such a list.
CREATE FUNCTION pg_temp.record(p_results jsonb, p_seconds double precision DEFAULT 60,
                               OUT recorded integer, OUT fenced integer, OUT disabled jsonb)
LANGUAGE sql VOLATILE
AS $$
    SELECT r.recorded, r.fenced, r.disabled
      FROM (SELECT array_agg(account_id) AS a, array_agg(webhook_id) AS w, array_agg(event_id) AS e, array_agg(attempt) AS n,
                   array_agg(result) AS r, array_agg(coalesce(retry_seconds, 0)) AS s, array_agg(coalesce(status, 0::smallint)) AS c,
                   array_agg(coalesce(error, '')) AS t
              FROM jsonb_to_recordset(p_results)
                   AS x (account_id bigint, webhook_id bigint, event_id uuid, attempt integer, result text,
                         retry_seconds double precision, status smallint, error text)) AS l
     CROSS JOIN LATERAL emailgw_api.record_webhooks(l.a, l.w, l.e, l.n, l.r, l.s, l.c, l.t, p_seconds) AS r
$$;
-- A post that failed p_tries times, the first time and the last one so many seconds ago.
CREATE FUNCTION pg_temp.failed(p_account_id bigint, p_webhook_id bigint, p_first integer, p_last integer, p_tries integer DEFAULT 2)
RETURNS void LANGUAGE sql VOLATILE
AS $$
    INSERT INTO emailgw.webhook_delivery (account_id, webhook_id, event_id, state, tries, first_at, last_at)
    SELECT p_account_id, p_webhook_id, emailgw.uuid7(f.at), 'failed', p_tries, f.at, now() - make_interval(secs => p_last)
      FROM (SELECT now() - make_interval(secs => p_first) AS at) AS f
$$;
-- One more post fails now: is the webhook disabled, and for how many seconds has it failed?
CREATE FUNCTION pg_temp.fails(p_webhook_id bigint, OUT disabled boolean, OUT seconds integer) LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM pg_temp.record(pg_temp.results('again', '{"retry_seconds": 0}', 1));
    SELECT w.status = 'Disabled', extract(epoch FROM now() - w.failing_since) INTO disabled, seconds
      FROM emailgw.webhook AS w WHERE w.webhook_id = p_webhook_id;
END
$$;
SAVEPOINT clean;

-- Jobs come with their events, and only for those who want them.
SELECT status AS refused FROM pg_temp.send(:account) \gset
SELECT is(pg_temp.rows_of(:account, 'webhook_queue'), 0, 'a domain without webhooks: no jobs');
DELETE FROM emailgw.queue;
SELECT pg_temp.add(:account, :domain, '{1,2}') AS hook, pg_temp.add(:account, :domain, '{4}') AS bounces,
       pg_temp.add(:second, :second_domain, '{1,2,4}') AS others \gset
SELECT is((SELECT webhook_events FROM emailgw.domain WHERE domain_id = :domain), '{1,2,4}', 'the domain knows what its webhooks want');
SELECT message_id AS id FROM pg_temp.send(:account, p_emails => '{ann@example.net,bob@example.org}') \gset
SELECT is(pg_temp.jobs(:hook), '1 1', 'accepted: one job a recipient');
SELECT is(pg_temp.jobs(:bounces), NULL, '... none for who did not ask');
SELECT message_id AS again FROM pg_temp.send(:account, p_emails => '{ann@example.net,bob@example.org}', p_id => :'id') \gset
SELECT is(pg_temp.jobs(:hook), '1 1', 'the same mail again: none');
SELECT status AS refused FROM pg_temp.send(:account, p_from_domain => 'example.org') \gset
SELECT is(pg_temp.jobs(:hook), '1 1', 'a refused mail: none');
SAVEPOINT sent;
SELECT pg_temp.attempt('delivered') \gset
SELECT is(pg_temp.jobs(:hook), '1 1 2 2', 'delivered: jobs with the events');
ROLLBACK TO sent;
SELECT pg_temp.attempt('bounced') \gset
SELECT is(pg_temp.jobs(:bounces), '4 4', 'bounced: too');
ROLLBACK TO sent;
SELECT pg_temp.attempt('deferred') \gset
SELECT is(pg_temp.jobs(:hook), '1 1', 'deferred: no webhook knows that');
ROLLBACK TO sent;
SELECT is(pg_temp.jobs(:others), NULL, 'nothing of it is another account''s');

-- A claim tells what there is to post.
SELECT results_eq('SELECT webhook_id, attempt, tries, failing, url, domain, type, message_id, email IN (''ann@example.net'', ''bob@example.org''), from_email, subject, tags
                     FROM emailgw_api.claim_webhooks(1, 60, 0, ''{}'')',
                  format($$ SELECT %s::bigint, 1, 0, false, 'https://hooks.example.org/', 'example.com', 1, %L::uuid, true,
                                   'sender@example.com', 'Subject', '[]'::jsonb $$, :hook, :'id'),
                  'what a claim tells');
SELECT is(pg_temp.claimed(10), :hook || ':1', 'what is leased is skipped');
SELECT is(pg_temp.claimed(10), NULL, '... and in the end nothing is left');
UPDATE emailgw.webhook_queue SET leased_until = now();
SELECT 'emailgw.webhook_queue' AS queue, pg_stat_get_xact_tuples_hot_updated('emailgw.webhook_queue'::regclass) AS hot \gset
SELECT is(pg_temp.claimed(10), :hook || ':2', 'after the lease''s end: again');
SELECT is((SELECT array_agg(DISTINCT concat_ws(' ', ready, leased_until - now(), attempt)) FROM emailgw.webhook_queue WHERE account_id = :account),
          '{"t 00:01:00 2"}', '... in a lease and under a number of its own');
SELECT is(pg_stat_get_xact_tuples_hot_updated(:'queue'::regclass) - :hot, 2::bigint, '... of which no index has to know');
ROLLBACK TO clean;

-- What the sender posts once for all its webhooks is looked up once, and stands together.
SELECT pg_temp.add(:account, :domain, '{1}') AS a, pg_temp.add(:account, :domain, '{1}') AS b, pg_temp.add(:account, :domain, '{1}') AS c \gset
SELECT message_id AS id FROM pg_temp.send(:account, p_emails => '{ann@example.net,bob@example.org}') \gset
SELECT is((SELECT string_agg(x.posts::text, ' ') FROM (
              SELECT count(*) AS posts FROM (
                  SELECT c.event_id, c.n - row_number() OVER (PARTITION BY c.event_id ORDER BY c.n) AS run
                    FROM emailgw_api.claim_webhooks(6, 60, 0, '{}') WITH ORDINALITY
                         AS c (a, w, event_id, attempt, tries, failing, url, key, domain, type, at, message, email, detail, from_email,
                               subject, tags, l, s, j, i, former, payload, test, n)) AS r
               GROUP BY r.event_id, r.run) AS x), '3 3', 'the posts of an event stand together');
ROLLBACK TO clean;

-- Fair by webhook.
SELECT pg_temp.add(:account, :domain, '{1}') AS a, pg_temp.add(:account, :domain, '{1}') AS b,
       pg_temp.add(:second, :second_domain, '{1}') AS c \gset
SELECT pg_temp.enqueue(:account, :a, 100), pg_temp.enqueue(:account, :b, 1), pg_temp.enqueue(:second, :c, 100) \gset
SAVEPOINT queued;
SELECT is(pg_temp.claimed(10), format('%s:4 %s:1 %s:5', :a, :b, :c), 'in equal parts, what one cannot use goes to the next');
ROLLBACK TO queued;
SELECT is(pg_temp.claimed(100), format('%s:32 %s:1 %s:32', :a, :b, :c), 'for each 32 at most');
ROLLBACK TO queued;
SELECT is(pg_temp.claimed(100, 0, ARRAY[:a]::bigint[]), format('%s:1 %s:32', :b, :c), 'those that are busy get nothing');
ROLLBACK TO queued;
SELECT is(pg_temp.claimed(1, :a), :b || ':1', 'the one behind the last');
SELECT is(pg_temp.claimed(1, :c), :a || ':1', '... and round again');
ROLLBACK TO queued;
UPDATE emailgw.webhook SET failing_since = now() WHERE webhook_id = :a;
SELECT is(pg_temp.claimed(100), format('%s:2 %s:1 %s:32', :a, :b, :c), 'one that is failing gets few');
ROLLBACK TO queued;
UPDATE emailgw.webhook SET failing_since = now() WHERE webhook_id = :a;
SELECT is(pg_temp.claimed(100, 0, '{}', true), format('%s:1 %s:32', :b, :c), '... or nothing, where that is asked for');
UPDATE emailgw.webhook SET status = 'Disabled' WHERE webhook_id = :a;
SELECT pg_temp.claimed(100, 0, '{}', true) \gset
SELECT is((SELECT count(*) FROM emailgw.webhook_queue WHERE webhook_id = :a), 0::bigint, '... but what a disabled one still has is dropped');
ROLLBACK TO clean;

-- Those that have ended take no turn, and not all the time, from those that come behind them.
INSERT INTO emailgw.webhook (account_id, domain_id, url, events, status, deleted_at)
SELECT :account, :domain, 'https://hooks.example.org/', '{1}', (ARRAY['Active', 'Disabled'])[1 + n % 2]::emailgw.webhook_status,
       CASE WHEN n % 2 = 0 THEN now() END
  FROM generate_series(1, 70) AS n;
SELECT count(pg_temp.enqueue(account_id, webhook_id, 25)::text) AS ended FROM emailgw.webhook WHERE account_id = :account \gset
SELECT pg_temp.add(:account, :domain, '{1}') AS a, pg_temp.add(:second, :second_domain, '{1}') AS b \gset
SELECT pg_temp.enqueue(:account, :a, 100), pg_temp.enqueue(:second, :b, 100) \gset
SELECT is(pg_temp.claimed(50), format('%s:25 %s:25', :a, :b), 'behind 70 that have ended: served as if there were none');
SELECT is((SELECT count(*) FROM emailgw.webhook_queue WHERE webhook_id < :a), 70 * 25 - 1000::bigint, '... of whose posts one claim drops a thousand');
SELECT pg_temp.claimed(50) \gset
SELECT is((SELECT count(*) FROM emailgw.webhook_queue WHERE webhook_id < :a), 0::bigint, '... and the next one the rest');
ROLLBACK TO clean;

-- Results.
SELECT pg_temp.add(:account, :domain, '{1}') AS hook \gset
SELECT pg_temp.enqueue(:account, :hook, 2) \gset
SAVEPOINT queued;
SELECT pg_temp.results('delivered', '{"status": 204}') AS results \gset
SELECT results_eq(format('SELECT * FROM pg_temp.record(%L)', :'results'), $$ VALUES (2, 0, '[]'::jsonb) $$, 'delivered: recorded');
SELECT is(pg_temp.rows_of(:account, 'webhook_queue'), 0, '... out of the queue');
SELECT results_eq('SELECT state::text, tries::integer, status_code::integer, error FROM emailgw.webhook_delivery WHERE account_id = ' || :account,
                  $$ VALUES ('delivered', 1, 204, NULL), ('delivered', 1, 204, NULL) $$, '... and in the log');
SELECT results_eq(format('SELECT * FROM pg_temp.record(%L)', :'results'), $$ VALUES (0, 2, '[]'::jsonb) $$, 'the same again: fenced');
ROLLBACK TO queued;
SELECT pg_temp.results('again', '{"retry_seconds": 90, "status": 500, "error": "e"}') AS results \gset
SELECT pg_temp.record(:'results') \gset
SELECT is((SELECT array_agg(DISTINCT concat_ws(' ', ready, leased_until, tries, next_at - now())) FROM emailgw.webhook_queue WHERE account_id = :account),
          '{"f -infinity 1 00:01:30"}', 'again: waits as long as asked');
SELECT is((SELECT array_agg(DISTINCT concat_ws(' ', state, tries, status_code, error)) FROM emailgw.webhook_delivery WHERE account_id = :account),
          '{"pending 1 500 e"}', '... pending in the log');
SELECT is((SELECT failing_since FROM emailgw.webhook WHERE webhook_id = :hook), now(), '... the webhook fails since now');
UPDATE emailgw.webhook_queue SET next_at = now();
SELECT is(pg_temp.claimed(10), :hook || ':2', '... and comes again when its time is there');
UPDATE emailgw.webhook_queue SET leased_until = now();
SELECT pg_temp.results('failed', '{"status": 503}', 1) AS results \gset
SELECT pg_temp.record(:'results') \gset
SELECT is((SELECT array_agg(concat_ws(' ', state, tries, status_code) ORDER BY state) FROM emailgw.webhook_delivery WHERE account_id = :account),
          '{"pending 1 500","failed 2 503"}', 'failed: in the log with its tries');
SELECT pg_temp.results('delivered', '{}') AS results \gset
SELECT pg_temp.record(:'results') \gset
SELECT is((SELECT failing_since FROM emailgw.webhook WHERE webhook_id = :hook), NULL, 'a success ends the failing');
ROLLBACK TO queued;
UPDATE emailgw.webhook SET failing_since = now() - interval '60 seconds' WHERE webhook_id = :hook;
SELECT pg_temp.results('again', '{"status": -1, "error": "e"}') AS results \gset
SELECT results_eq(format('SELECT * FROM pg_temp.record(%L)', :'results'), $$ VALUES (2, 0, '[]'::jsonb) $$,
                  'a post that could not be made does not disable');
SELECT is((SELECT array_agg(DISTINCT concat_ws(' ', state, tries, status_code, error)) FROM emailgw.webhook_delivery WHERE account_id = :account),
          '{"pending 1 e"}', '... but is a try');
ROLLBACK TO queued;
SELECT pg_temp.results('released') AS results \gset
SELECT pg_temp.record(:'results') \gset
SELECT is((SELECT array_agg(DISTINCT concat_ws(' ', ready, leased_until, tries, attempt)) FROM emailgw.webhook_queue WHERE account_id = :account), '{"t -infinity 0 1"}',
          'released: due again at once, no try');
SELECT is(pg_temp.rows_of(:account, 'webhook_delivery'), 0, '... and not in the log');
SELECT pg_temp.results('delivered') AS newer \gset
SELECT results_eq(format('SELECT recorded, fenced FROM pg_temp.record(%L)', :'results'), 'VALUES (0, 2)', 'after another claim: fenced');
UPDATE emailgw.webhook_queue SET leased_until = now() - interval '1 second';
SELECT results_eq(format('SELECT recorded, fenced FROM pg_temp.record(%L)', :'newer'), 'VALUES (2, 0)',
                  'late, but nobody has taken it meanwhile: recorded');
ROLLBACK TO queued;

-- The end of a webhook.
SELECT pg_temp.results('gone', '{"status": 410}', 1) AS results \gset
SELECT is((SELECT disabled #>> '{0,reason}' FROM pg_temp.record(:'results')), 'the receiver answered 410', '410 disables');
SELECT is((SELECT concat_ws(' ', status, disabled_at = now()) FROM emailgw.webhook WHERE webhook_id = :hook), 'Disabled t', '... visibly');
SELECT is((SELECT webhook_events FROM emailgw.domain WHERE domain_id = :domain), '{}', '... and the domain asks for nothing');
SELECT is(pg_temp.claimed(10), NULL, '... what is left is not claimed');
SELECT is((SELECT array_agg(concat_ws(' ', state, error) ORDER BY error NULLS FIRST) FROM emailgw.webhook_delivery WHERE account_id = :account),
          '{failed,"failed the webhook is disabled"}', '... but ends as failed');
ROLLBACK TO queued;
UPDATE emailgw.webhook SET failing_since = now() - interval '59 seconds' WHERE webhook_id = :hook;
SELECT pg_temp.results('again', '{"retry_seconds": 0}') AS results \gset
SELECT is((SELECT disabled FROM pg_temp.record(:'results')), '[]', 'failing, but not for so long');
UPDATE emailgw.webhook SET failing_since = now() - interval '60 seconds' WHERE webhook_id = :hook;
UPDATE emailgw.webhook_delivery SET first_at = now() - interval '60 seconds' WHERE webhook_id = :hook;
UPDATE emailgw.webhook_queue SET next_at = now();
SELECT pg_temp.results('again') AS results \gset
SELECT matches((SELECT disabled #>> '{0,reason}' FROM pg_temp.record(:'results')), '^no post has succeeded since ', 'long enough: disabled');
ROLLBACK TO queued;

-- Failures that lie far apart are no failing for so long. Sixty seconds are: four quarters.
UPDATE emailgw.webhook SET failing_since = now() - interval '300 seconds' WHERE webhook_id = :hook;
SAVEPOINT failing;
SELECT pg_temp.failed(:account, :hook, 300, 300, 1) \gset
SELECT results_eq('SELECT * FROM pg_temp.fails(' || :hook || ')', 'VALUES (false, 0)', 'one failure long ago and one now: failing since now');
SELECT results_eq('SELECT * FROM pg_temp.fails(' || :hook || ')', 'VALUES (false, 0)', '... and with one more');
ROLLBACK TO failing;
SELECT pg_temp.failed(:account, :hook, 300, 16) \gset
SELECT results_eq('SELECT * FROM pg_temp.fails(' || :hook || ')', 'VALUES (false, 0)', 'none in the last quarter before this one: anew');
ROLLBACK TO failing;
SELECT pg_temp.failed(:account, :hook, 300, 46), pg_temp.failed(:account, :hook, 29, 1) \gset
SELECT results_eq('SELECT * FROM pg_temp.fails(' || :hook || ')', 'VALUES (false, 0)', 'none in another quarter: anew');
ROLLBACK TO failing;
SELECT pg_temp.failed(:account, :hook, 300, 1, 1) \gset
SELECT results_eq('SELECT * FROM pg_temp.fails(' || :hook || ')', 'VALUES (false, 0)', 'an old event that is repeated has not failed meanwhile');
ROLLBACK TO failing;
SELECT pg_temp.failed(:account, :hook, 300, 1) \gset
SELECT results_eq('SELECT * FROM pg_temp.fails(' || :hook || ')', 'VALUES (true, 300)', 'one post that was tried all along: disabled');
ROLLBACK TO failing;
SELECT pg_temp.failed(:account, :hook, 50, 50, 1), pg_temp.failed(:account, :hook, 40, 40, 1),
       pg_temp.failed(:account, :hook, 20, 20, 1), pg_temp.failed(:account, :hook, 10, 10, 1) \gset
SELECT results_eq('SELECT * FROM pg_temp.fails(' || :hook || ')', 'VALUES (true, 300)', 'one in each quarter: disabled');
ROLLBACK TO queued;
SELECT pg_temp.claimed(1) \gset
SELECT is(emailgw_api.delete_webhook(:account, :domain, :hook), 0, 'deleted');
SELECT is(emailgw_api.delete_webhook(:account, :domain, :hook), 4, '... once');
SELECT is(pg_temp.claimed(10), NULL, '... what is left is not claimed');
SELECT is(pg_temp.rows_of(:account, 'webhook_queue'), 1, '... but dropped, all but what somebody is posting');
UPDATE emailgw.webhook_queue SET leased_until = now();
SELECT is(pg_temp.claimed(10), NULL, '... until the end of its lease');
SELECT is(pg_temp.rows_of(:account, 'webhook_queue'), 0, '... then it goes, too');
ROLLBACK TO queued;
SELECT is(pg_temp.add(:account, :domain, '{1}', 1), NULL, 'no more than the limit');

SELECT * FROM finish();
ROLLBACK;
