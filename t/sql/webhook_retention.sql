-- housekeeping and drop_partitions: the log of webhook deliveries is kept for 14
-- days, and what a waiting post needs for as long as it waits.
\set exclusive
\ir lib/setup.psql
SELECT plan(8);

DELETE FROM emailgw.queue; -- undone in the end
DELETE FROM emailgw.webhook_queue;
SELECT emailgw_api.housekeeping(365, 365) \gset
CREATE FUNCTION pg_temp.make_old(p_parent text, p_days integer) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    EXECUTE format('CREATE TABLE emailgw.%I PARTITION OF emailgw.%I FOR VALUES FROM (%L) TO (%L)',
                   p_parent || '_old' || p_days, p_parent,
                   emailgw.uuid7_floor(now() - make_interval(days => p_days + 1)),
                   emailgw.uuid7_floor(now() - make_interval(days => p_days)));
END
$$;
CREATE FUNCTION pg_temp.left_over() RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class AS c
     WHERE c.relnamespace = 'emailgw'::regnamespace AND c.relkind = 'r' AND c.relname LIKE '%\_old%'
$$;
SELECT pg_temp.make_old('webhook_delivery', 15), pg_temp.make_old('webhook_delivery', 13),
       pg_temp.make_old('event', 100), pg_temp.make_old('message', 100) \gset
SAVEPOINT made;
SELECT is((SELECT dropped FROM emailgw_api.housekeeping(7, 365)), 1, 'the log: one is older than 14 days');
SELECT is(pg_temp.left_over(), 'event_old100 message_old100 webhook_delivery_old13', '... and only that goes');
SELECT is(emailgw_api.webhook_log_days(), 14, '... as ReplayWebhook and conf/API.md say');
ROLLBACK TO made;
SELECT is((SELECT dropped FROM emailgw_api.housekeeping(7, 90)), 3, 'events and messages by their own time');
ROLLBACK TO made;
INSERT INTO emailgw.webhook_queue (account_id, webhook_id, event_id, domain_id, message_id)
VALUES (:account, 1, emailgw.uuid7(now() - interval '100 days 1 hour'), :domain,
        emailgw.uuid7(now() - interval '100 days 2 hours'));
SELECT is((SELECT dropped FROM emailgw_api.housekeeping(7, 90)), 1, 'but not while a post of them waits');
SELECT is(pg_temp.left_over(), 'event_old100 message_old100 webhook_delivery_old13', '... event and message stay');
ROLLBACK TO made;

-- That is all from which it can be told for how long a webhook has failed.
INSERT INTO emailgw.webhook_delivery (account_id, webhook_id, event_id, state, tries, first_at, last_at)
VALUES (:account, 1, emailgw.uuid7(now() - interval '13 days 1 hour'), 'pending', 9, now() - interval '7 days', now());
SELECT ok(emailgw_api.has_failed_throughout(:account, 1, 30 * 86400), 'thirty days of failing are judged by the last seven');
UPDATE emailgw.webhook_delivery SET first_at = now() - interval '5 days' WHERE account_id = :account;
SELECT ok(NOT emailgw_api.has_failed_throughout(:account, 1, 30 * 86400), '... and by no fewer');

SELECT * FROM finish();
ROLLBACK;
