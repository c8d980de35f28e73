-- clear_domain_queue, sweep_cancelled, delete_domain, ctl_queue_cancel: what was
-- queued before is claimed no more and ends as cancelled, what a sender has in
-- hand finishes, and nobody else's mail is touched.
\ir lib/setup.psql
SELECT plan(44);

DELETE FROM emailgw.queue; -- undone in the end
DELETE FROM emailgw.queue_cutoff;
DELETE FROM emailgw.daily_count;
SELECT pg_temp.new_domain(:account, 'second.example') AS second \gset
SELECT pg_temp.new_key(:account, :second, '\x02') AS second_key \gset
SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_domain(:other, 'other.example') AS other_domain \gset
SELECT pg_temp.new_key(:other, :other_domain, '\x03') AS other_key \gset
-- The recipients of an account's domain by status, and whether counters agree with events.
CREATE FUNCTION pg_temp.statuses(p_domain_id bigint) RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT string_agg(s.status || ' ' || s.count, ', ' ORDER BY s.status)
      FROM (SELECT r.status, count(*) FROM emailgw.recipient AS r JOIN emailgw.message AS m USING (account_id, message_id)
             WHERE m.domain_id = p_domain_id GROUP BY r.status) AS s
$$;
CREATE FUNCTION pg_temp.counters_off(p_types integer[]) RETURNS bigint LANGUAGE sql STABLE
AS $$
    SELECT count(*)
      FROM (SELECT e.account_id, e.domain_id, e.type, t.tag, count(*) AS count
              FROM emailgw.event AS e JOIN emailgw.message AS m USING (account_id, message_id)
             CROSS JOIN LATERAL unnest('{""}' || m.tags) AS t (tag)
             WHERE e.type = ANY (p_types) GROUP BY 1, 2, 3, 4) AS e
      FULL JOIN (SELECT c.account_id, c.domain_id, c.type, c.tag, sum(c.count) AS count FROM emailgw.daily_count AS c
                  WHERE c.type = ANY (p_types) GROUP BY 1, 2, 3, 4) AS c USING (account_id, domain_id, type, tag)
     WHERE e.count IS DISTINCT FROM c.count
$$;
-- Claims all there is and records one result for it.
CREATE FUNCTION pg_temp.attempt(p_result text) RETURNS bigint LANGUAGE sql VOLATILE
AS $$
    SELECT coalesce(sum(r.recorded), 0)
      FROM (SELECT array_agg(c.account_id) AS account_ids, array_agg(c.message_id) AS message_ids,
                   array_agg(c.recipient_no::smallint) AS recipient_nos, array_agg(c.attempt) AS attempts,
                   array_agg(p_result) AS results, array_agg(3600::double precision) AS waits, array_agg('{}'::jsonb) AS details
              FROM emailgw_api.claim_messages(100, 60, 0) AS c) AS o
     CROSS JOIN LATERAL emailgw_api.record_attempts(o.account_ids, o.message_ids, o.recipient_nos, o.attempts, o.results,
                                                    o.waits, o.details) AS r
     WHERE o.account_ids IS NOT NULL
$$;
-- All sweeps until there is nothing to do: "3 2 0".
CREATE FUNCTION pg_temp.sweep(p_limit integer) RETURNS text LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_count integer := -1;
    v_counts text := '';
BEGIN
    WHILE v_count <> 0 LOOP
        v_count := emailgw_api.sweep_cancelled(p_limit);
        v_counts := v_counts || ' ' || v_count;
    END LOOP;
    RETURN ltrim(v_counts);
END
$$;
-- Two to claim at once with tags, one for later, one deferred; of the other domains two each.
SELECT count(*) FROM pg_temp.send(:account, p_emails => '{late@example.net}') \gset
SELECT pg_temp.attempt('deferred') \gset
SELECT count(*) FROM pg_temp.send(:account, p_emails => '{ann@example.net,bob@example.org}', p_tags => '{a,b}') \gset
SELECT count(*) FROM pg_temp.send(:account, p_send_at => now() + interval '3 days') \gset
SELECT count(*) FROM pg_temp.send(:account, '\x02', p_from_domain => 'second.example', p_emails => '{a@example.net,b@example.net}') \gset
SELECT count(*) FROM pg_temp.send(:other, '\x03', p_from_domain => 'other.example', p_emails => '{a@example.net,b@example.net}') \gset
SAVEPOINT filled;

-- Who may, and what it tells.
SELECT results_eq(format('SELECT * FROM emailgw_api.clear_domain_queue(%s, %s)', :account, :other_domain),
                  'VALUES (false, 0::bigint)', 'another account''s domain: unknown');
SELECT results_eq(format('SELECT * FROM emailgw_api.clear_domain_queue(%s, 5)', :account), 'VALUES (false, 0::bigint)',
                  '... like one that never was');
SELECT is((SELECT count(*) FROM emailgw.queue_cutoff), 0::bigint, '... and nothing has changed');
SELECT results_eq(format('SELECT * FROM emailgw_api.clear_domain_queue(%s, %s)', :account, :domain),
                  'VALUES (true, 4::bigint)', 'how many mails wait: those due, for later, and deferred');
SELECT results_eq(format('SELECT * FROM emailgw_api.clear_domain_queue(%s, %s)', :account, :domain),
                  'VALUES (true, 0::bigint)', 'again: none');

-- Nothing of it is claimed, all else is.
SELECT is((SELECT array_agg(q.state ORDER BY q.state) FROM emailgw_api.ctl_queue_list(:account, 100) AS q WHERE q.domain = 'example.com'),
          '{cancelled,cancelled,cancelled,cancelled}', 'queue_list says so before anything is swept');
SELECT is((SELECT due FROM emailgw_api.ctl_status()), 4::bigint, 'status does not take it for due');
SELECT is((SELECT count(*) FROM pg_temp.send(:account, p_emails => '{new@example.net}')), 1::bigint, 'a mail that comes after');
SELECT is(pg_temp.attempt('delivered'), 5::bigint, '... goes out, with those of other domains');
UPDATE emailgw.queue SET next_at = now() - interval '1 hour' WHERE domain_id = :domain;
SELECT is(pg_temp.attempt('delivered'), 0::bigint, 'what comes due later is not claimed either');

-- The sweep.
SELECT is(pg_temp.sweep(3), '3 1 0', 'swept in batches');
SELECT is(pg_temp.statuses(:domain), 'delivered 1, cancelled 4', 'each has ended as cancelled');
SELECT is(pg_temp.statuses(:second) || '; ' || pg_temp.statuses(:other_domain), 'delivered 2; delivered 2', 'and no others');
SELECT is(pg_temp.rows_of(:account, 'queue'), 0, 'nothing is left in the queue');
SELECT is((SELECT array_agg(concat_ws(' ', e.email, e.at = now(), emailgw.uuid7_time(e.event_id) = date_trunc('milliseconds', e.at), e.detail)
                            ORDER BY e.email)
             FROM emailgw.event AS e WHERE e.domain_id = :domain AND e.type = 6),
          '{"ann@example.net t t","ann@example.net t t","bob@example.org t t","late@example.net t t"}', 'one event each');
SELECT is((SELECT array_agg(DISTINCT r.attempts || ' ' || (r.finished_at = now())) FROM emailgw.recipient AS r
            WHERE r.account_id = :account AND r.status = 'cancelled'), '{"0 true","1 true"}', 'to be cancelled is no attempt');
SELECT is(pg_temp.counters_off('{1,2,3,6}'), 0::bigint, 'counters agree with the events, also for tags');
SELECT is((SELECT sum(c.count) FROM emailgw.daily_count AS c WHERE c.domain_id = :domain AND c.type = 6 AND c.tag = 'b'), 2::numeric,
          '... which are there');
SELECT is((SELECT count(*) FROM emailgw.webhook_queue WHERE account_id = :account), 0::bigint, 'no webhook is told of it');

-- When it looks again.
SELECT is((SELECT c.look_at - now() FROM emailgw.queue_cutoff AS c), interval '1 second', 'it looks again after a second');
UPDATE emailgw.queue_cutoff SET cut_at = now() - interval '10 minutes', look_at = now();
SELECT is(emailgw_api.sweep_cancelled(10), 0, '... and more rarely as time goes by');
SELECT is((SELECT c.look_at - now() FROM emailgw.queue_cutoff AS c), interval '1 minute', '... after a tenth of what has passed');
UPDATE emailgw.queue_cutoff SET cut_at = now() - interval '3 days', look_at = now();
SELECT emailgw_api.sweep_cancelled(10) \gset
SELECT is((SELECT count(*) FROM emailgw.queue_cutoff), 0::bigint, '... and after two days no more');
ROLLBACK TO filled;

-- In hand at the cut: one of each result.
CREATE FUNCTION pg_temp.end_each(p_results text[]) RETURNS integer LANGUAGE sql VOLATILE
AS $$
    SELECT r.recorded
      FROM (SELECT array_agg(q.account_id ORDER BY q.message_id, q.recipient_no) AS account_ids,
                   array_agg(q.message_id ORDER BY q.message_id, q.recipient_no) AS message_ids,
                   array_agg(q.recipient_no ORDER BY q.message_id, q.recipient_no) AS recipient_nos,
                   array_agg(q.attempt ORDER BY q.message_id, q.recipient_no) AS attempts
              FROM emailgw.queue AS q WHERE q.leased) AS o
     CROSS JOIN LATERAL emailgw_api.record_attempts(o.account_ids, o.message_ids, o.recipient_nos, o.attempts, p_results,
                                                    array_fill(60::float, ARRAY[cardinality(p_results)]),
                                                    array_fill('{}'::jsonb, ARRAY[cardinality(p_results)])) AS r
$$;
DELETE FROM emailgw.queue;
SELECT count(*) FROM pg_temp.send(:account, p_emails => '{a@example.net,b@example.net,c@example.net,d@example.net,e@example.net}') \gset
SELECT is((SELECT count(*) FROM emailgw_api.claim_messages(100, 60, 0)), 5::bigint, 'five are in hand');
SELECT is((SELECT c.mails FROM emailgw_api.clear_domain_queue(:account, :domain) AS c), 0::bigint, '... so none waits');
SELECT is(pg_temp.sweep(10), '0', '... and none is swept');
SELECT is(pg_temp.end_each('{delivered,deferred,bounced,released,expired}'), 5, 'their results are taken');
SELECT is((SELECT count(*) FROM pg_temp.attempt('delivered') AS n WHERE n > 0), 0::bigint, 'none is sent again');
UPDATE emailgw.queue_cutoff SET look_at = now();
SELECT is(pg_temp.sweep(10), '2 0', 'what was deferred or given back is swept');
SELECT is((SELECT string_agg(r.email || ' ' || r.status || ' ' || r.attempts, ', ' ORDER BY r.recipient_no) FROM emailgw.recipient AS r
            WHERE r.account_id = :account AND r.email ~ '^[a-e]@' AND r.kind = 'to'
              AND EXISTS (SELECT FROM emailgw.message AS m WHERE m.message_id = r.message_id AND m.domain_id = :domain)),
          'a@example.net delivered 1, b@example.net cancelled 1, c@example.net bounced 1, d@example.net cancelled 0, e@example.net expired 1',
          'each has ended once');
SELECT is((SELECT string_agg(e.email || ' ' || e.type, ', ' ORDER BY e.email, e.type) FROM emailgw.event AS e
            WHERE e.domain_id = :domain AND e.type > 1 AND e.email ~ '^[a-e]@'),
          'a@example.net 2, b@example.net 3, b@example.net 6, c@example.net 4, d@example.net 6, e@example.net 4', '... by an event');
SELECT is(pg_temp.counters_off('{2,3,4,6}'), 0::bigint, 'counters agree');
ROLLBACK TO filled;

-- A sender that died: its mails come back with their leases, and are swept.
SELECT is((SELECT count(*) FROM emailgw_api.claim_messages(100, 0, 0)) , 6::bigint, 'claimed by a sender that dies');
SELECT emailgw_api.clear_domain_queue(:account, :domain) \gset
SELECT is(pg_temp.sweep(100), '2 0', 'in its hands: left alone');
SELECT is(pg_temp.attempt('delivered'), 4::bigint, 'leases over: the others'' are sent');
UPDATE emailgw.queue_cutoff SET look_at = now();
SELECT is(pg_temp.sweep(100), '2 0', '... and its own cancelled');

-- Deleted.
ROLLBACK TO filled;
INSERT INTO emailgw.directory_domain (name, account_id, domain_id) VALUES ('example.com', :account, :domain)
    ON CONFLICT (name) DO UPDATE SET account_id = excluded.account_id, domain_id = excluded.domain_id;
UPDATE emailgw.domain SET webhook_events = '{1,2}' WHERE domain_id = :domain;
SELECT is(emailgw_api.delete_domain(:account, :other_domain), false, 'another account''s domain cannot be deleted');
SELECT is(emailgw_api.delete_domain(:account, :domain), true, 'one''s own can');
SELECT is(emailgw_api.delete_domain(:account, :domain), false, '... once');
SELECT results_eq(format('SELECT * FROM emailgw_api.clear_domain_queue(%s, %s)', :account, :domain),
                  'VALUES (false, 0::bigint)', '... and is unknown from then on');
SELECT is((SELECT s.status FROM pg_temp.send(:account) AS s), 2, 'its key is no good');
SELECT is((SELECT count(*) FROM emailgw.directory_domain WHERE name = 'example.com'), 0::bigint, 'its name is free');
SELECT is(pg_temp.attempt('delivered') || ' ' || pg_temp.sweep(100), '4 4 0', 'its mails are swept, the others'' sent');
SELECT is((SELECT count(*) FROM emailgw.event WHERE domain_id = :domain AND type = 1), 4::bigint, 'its events stay');

SELECT * FROM finish();
ROLLBACK;
