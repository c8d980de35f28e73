-- sender_key: what a sender key stands for, and whether it may be used now.
--   p_key_hash    SHA-256 of the key
--   p_permission  what it is about to do: send, webhooks or events
-- status is 0, 113 for what the key is not permitted (the API answers it as 13), or
-- as sender_state. No row is a key that does not exist, which callers take for 13.
-- Inlined into the functions that use it.
CREATE FUNCTION emailgw_api.sender_key(p_account_id bigint, p_key_hash bytea, p_permission text)
RETURNS TABLE (status integer, api_key_id bigint, domain_id bigint, domain_name text, unsubscribe_link boolean,
               list_id bigint, subscriber_id bigint, journey_id bigint, action_id bigint, webhook_events smallint[],
               queue_epoch integer)
LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN k.permissions <> 'send,webhooks,events'
                     AND p_permission <> ALL (string_to_array(k.permissions, ',')) THEN 113
                ELSE emailgw_api.sender_state(d.deleted_at, d.status, a.status, p_permission = 'send') END,
           k.api_key_id, d.domain_id, d.name, d.unsubscribe_link, k.list_id, k.subscriber_id, k.journey_id, k.action_id,
           d.webhook_events, d.queue_epoch
      FROM emailgw.api_key AS k
      JOIN emailgw.domain AS d ON d.account_id = k.account_id AND d.domain_id = k.domain_id
      JOIN emailgw.account AS a ON a.account_id = k.account_id
     WHERE k.account_id = p_account_id AND k.key_hash = p_key_hash AND k.deleted_at IS NULL
$$;
