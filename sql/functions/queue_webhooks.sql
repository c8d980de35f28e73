-- queue_webhooks: what has happened, for the webhooks that want to know. To be
-- called in the transaction that makes the events, for domains whose
-- webhook_events say so.
--   p_domain_ids .. p_message_ids  one element an event
CREATE FUNCTION emailgw_api.queue_webhooks(p_account_ids bigint[], p_domain_ids bigint[], p_types integer[],
                                           p_event_ids uuid[], p_message_ids uuid[])
RETURNS void
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO emailgw.webhook_queue (account_id, webhook_id, event_id, domain_id, message_id)
    SELECT w.account_id, w.webhook_id, e.event_id, e.domain_id, e.message_id
      FROM unnest(p_account_ids, p_domain_ids, p_types, p_event_ids, p_message_ids)
           AS e (account_id, domain_id, type, event_id, message_id)
      JOIN emailgw.webhook AS w ON w.account_id = e.account_id AND w.domain_id = e.domain_id
                               AND e.type = ANY (w.events) AND w.status = 'Active' AND w.deleted_at IS NULL
$$;
