-- has_failed_throughout: is a webhook's failing of the last p_seconds unbroken? In each
-- quarter of them a try has failed, or a post waited for its next one. What fails just
-- now does not count: after a silence it says nothing of the time before.
--   p_seconds  longer ones are judged by what the log of deliveries still has
-- A post that is repeated begins anew with its first try.
CREATE FUNCTION emailgw_api.has_failed_throughout(p_account_id bigint, p_webhook_id bigint, p_seconds double precision)
RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT bool_and(EXISTS (
               SELECT FROM emailgw.webhook_delivery AS d
                WHERE d.account_id = p_account_id AND d.webhook_id = p_webhook_id AND d.state <> 'delivered'
                  AND d.event_id < emailgw.uuid7_floor(q.ends + interval '1 minute') -- another machine's clock made it
                  AND CASE WHEN d.tries > 1 THEN d.first_at ELSE d.last_at END <= q.ends AND d.last_at >= q.begins
                  AND CASE WHEN d.tries > 1 THEN d.first_at ELSE d.last_at END < now()
                ORDER BY d.event_id DESC LIMIT 1))
      FROM (SELECT least(p_seconds, emailgw_api.webhook_log_days() * 86400 / 2) / 4 AS seconds) AS s
     CROSS JOIN LATERAL (SELECT now() - make_interval(secs => s.seconds * (n + 1)) AS begins,
                                now() - make_interval(secs => s.seconds * n) AS ends
                           FROM generate_series(0, 3) AS n) AS q
$$;
