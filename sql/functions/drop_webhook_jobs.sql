-- drop_webhook_jobs: what is ready for a webhook that is no longer active ends
-- as failed, but for what somebody is posting. At most p_limit rows; returns how many.
CREATE FUNCTION emailgw_api.drop_webhook_jobs(p_webhook_id bigint, p_reason text, p_limit integer)
RETURNS integer
LANGUAGE sql VOLATILE
AS $$
    WITH dropped AS (
        DELETE FROM emailgw.webhook_queue AS q
         WHERE q.ctid = ANY (ARRAY(SELECT r.ctid FROM emailgw.webhook_queue AS r
                                    WHERE r.ready AND r.webhook_id = p_webhook_id
                                      AND r.leased_until <= now()
                                    LIMIT p_limit
                                      FOR UPDATE SKIP LOCKED))
        RETURNING q.account_id, q.webhook_id, q.event_id, q.tries, q.is_test
    ), logged AS (
        INSERT INTO emailgw.webhook_delivery (account_id, webhook_id, event_id, state, tries, error, is_test)
        SELECT d.account_id, d.webhook_id, d.event_id, 'failed', d.tries, p_reason, d.is_test FROM dropped AS d
        ON CONFLICT (account_id, webhook_id, event_id) DO UPDATE SET state = 'failed', error = excluded.error
    )
    SELECT count(*)::integer FROM dropped
$$;
