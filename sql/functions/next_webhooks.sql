-- next_webhooks: up to p_limit webhooks that have something ready which nobody has
-- and are not busy, those behind p_after first, then round. One index probe each;
-- what is leased is stepped over, and that is no more than the senders hold.
-- p_without_failing steps over those that fail; what a deleted or disabled one still
-- has is the claim's to drop all the same.
CREATE FUNCTION emailgw_api.next_webhooks(p_after bigint, p_limit integer, p_busy bigint[], p_without_failing boolean)
RETURNS TABLE (account_id bigint, webhook_id bigint)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_last bigint := p_after;
    v_found integer := 0;
    v_wrapped boolean := false;
BEGIN
    WHILE v_found < p_limit LOOP
        SELECT q.account_id, q.webhook_id INTO account_id, webhook_id
          FROM emailgw.webhook_queue AS q
         WHERE q.ready AND q.webhook_id > v_last AND q.leased_until <= now()
         ORDER BY q.webhook_id LIMIT 1;
        IF webhook_id IS NULL OR v_wrapped AND webhook_id > p_after THEN
            EXIT WHEN v_wrapped;
            v_wrapped := true;
            v_last := 0;
            CONTINUE;
        END IF;
        v_last := webhook_id;
        IF webhook_id <> ALL (p_busy)
           AND NOT (p_without_failing AND EXISTS (SELECT FROM emailgw.webhook AS w
                                                   WHERE w.account_id = next_webhooks.account_id
                                                     AND w.webhook_id = next_webhooks.webhook_id
                                                     AND w.failing_since IS NOT NULL AND w.status = 'Active'
                                                     AND w.deleted_at IS NULL)) THEN
            v_found := v_found + 1;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
