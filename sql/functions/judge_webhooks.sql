-- judge_webhooks: since when a webhook fails, and whether that is long enough to
-- disable it.
--   p_touched  [{"account_id", "webhook_id", "delivered", "failed", "gone"}]: what
--              a batch of posts found, in order of account and webhook
-- One success among them is enough to be well. Returns who was disabled, as
-- record_webhooks does. Those are dealt with first: their domain's row is locked
-- before the webhook's, as everywhere.
CREATE FUNCTION emailgw_api.judge_webhooks(p_touched jsonb, p_disable_seconds double precision)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_hook record;
    v_disabled jsonb := '[]';
BEGIN
    FOR v_hook IN
        SELECT w.account_id, w.webhook_id, w.domain_id,
               CASE WHEN t.gone THEN 'the receiver answered 410'
                    ELSE format('no post has succeeded since %s UTC',
                                to_char(w.failing_since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')) END AS reason
          FROM jsonb_to_recordset(p_touched) AS t (account_id bigint, webhook_id bigint, delivered boolean, gone boolean)
          JOIN emailgw.webhook AS w ON w.account_id = t.account_id AND w.webhook_id = t.webhook_id
         WHERE w.status = 'Active'
           AND (t.gone OR NOT t.delivered AND w.failing_since <= now() - make_interval(secs => p_disable_seconds))
         ORDER BY w.account_id, w.domain_id, w.webhook_id
    LOOP
        PERFORM FROM emailgw.domain AS d
         WHERE d.account_id = v_hook.account_id AND d.domain_id = v_hook.domain_id
           FOR NO KEY UPDATE;
        UPDATE emailgw.webhook AS w
           SET status = 'Disabled', disabled_at = now(), disabled_reason = v_hook.reason
         WHERE w.account_id = v_hook.account_id AND w.webhook_id = v_hook.webhook_id AND w.status = 'Active';
        PERFORM emailgw_api.refresh_webhooks(v_hook.account_id, v_hook.domain_id);
        v_disabled := v_disabled || jsonb_build_object('account_id', v_hook.account_id, 'webhook_id',
                                                       v_hook.webhook_id, 'reason', v_hook.reason);
    END LOOP;

    FOR v_hook IN
        SELECT t.* FROM jsonb_to_recordset(p_touched) AS t (account_id bigint, webhook_id bigint, delivered boolean)
    LOOP
        UPDATE emailgw.webhook AS w SET failing_since = CASE WHEN NOT v_hook.delivered THEN now() END
         WHERE w.account_id = v_hook.account_id AND w.webhook_id = v_hook.webhook_id
           AND w.failing_since IS NULL <> v_hook.delivered;
    END LOOP;
    RETURN v_disabled;
END
$$;
