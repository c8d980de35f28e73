-- judge_webhooks: since when a webhook fails, and whether that is long enough to
-- disable it.
--   p_account_ids .. p_gone  what a batch of posts found, one element a webhook:
--                            did any succeed, did any end with 410
-- One success among them is enough to be well. A failure after a silence starts anew:
-- it may be the only one. Returns who was disabled, as
-- record_webhooks does. Those are dealt with first: their domain's row is locked
-- before the webhook's, as everywhere. Most batches find nothing that changes.
CREATE FUNCTION emailgw_api.judge_webhooks(p_account_ids bigint[], p_webhook_ids bigint[], p_delivered boolean[],
                                           p_gone boolean[], p_disable_seconds double precision)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_hook record;
    v_disabled jsonb := '[]';
BEGIN
    FOR v_hook IN
        SELECT w.account_id, w.webhook_id, w.domain_id, t.delivered, e.ends, f.long AND NOT e.ends AS anew,
               CASE WHEN t.gone THEN 'the receiver answered 410'
                    ELSE format('no post has succeeded since %s UTC',
                                to_char(w.failing_since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')) END AS reason
          FROM unnest(p_account_ids, p_webhook_ids, p_delivered, p_gone)
               AS t (account_id, webhook_id, delivered, gone)
         CROSS JOIN LATERAL (SELECT * FROM emailgw.webhook AS h
                              WHERE h.account_id = t.account_id AND h.webhook_id = t.webhook_id LIMIT 1) AS w
         CROSS JOIN LATERAL (SELECT w.status = 'Active' AND NOT t.delivered
                                AND coalesce(w.failing_since <= now() - make_interval(secs => p_disable_seconds),
                                             false) AS long) AS f
         CROSS JOIN LATERAL (SELECT CASE WHEN t.gone THEN w.status = 'Active'
                                         WHEN f.long THEN emailgw_api.has_failed_throughout(w.account_id, w.webhook_id,
                                                                                           p_disable_seconds)
                                         ELSE false END AS ends) AS e
         WHERE e.ends OR f.long OR w.failing_since IS NULL <> t.delivered
         ORDER BY e.ends DESC, w.account_id, w.domain_id, w.webhook_id
    LOOP
        IF v_hook.ends THEN
            PERFORM FROM emailgw.domain AS d
             WHERE d.account_id = v_hook.account_id AND d.domain_id = v_hook.domain_id
               FOR NO KEY UPDATE;
            UPDATE emailgw.webhook AS w
               SET status = 'Disabled', disabled_at = now(), disabled_reason = v_hook.reason
             WHERE w.account_id = v_hook.account_id AND w.webhook_id = v_hook.webhook_id AND w.status = 'Active';
            PERFORM emailgw_api.refresh_webhooks(v_hook.account_id, v_hook.domain_id);
            v_disabled := v_disabled || jsonb_build_object('account_id', v_hook.account_id, 'webhook_id',
                                                           v_hook.webhook_id, 'reason', v_hook.reason);
        END IF;
        UPDATE emailgw.webhook AS w SET failing_since = CASE WHEN NOT v_hook.delivered THEN now() END
         WHERE w.account_id = v_hook.account_id AND w.webhook_id = v_hook.webhook_id
           AND (v_hook.anew OR w.failing_since IS NULL <> v_hook.delivered);
    END LOOP;
    RETURN v_disabled;
END
$$;
