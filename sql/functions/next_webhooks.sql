-- next_webhooks: up to p_limit webhooks that have something ready which nobody has
-- and are not busy, those behind p_after first, then round. One index probe each;
-- what is leased is stepped over, and that is no more than the senders hold.
-- p_without_failing steps over those that fail. place numbers them. Those that are
-- deleted or disabled come between, with the reason in ended, and count as none: they
-- take no turn from the others, however many they are.
CREATE FUNCTION emailgw_api.next_webhooks(p_after bigint, p_limit integer, p_busy bigint[], p_without_failing boolean)
RETURNS TABLE (account_id bigint, webhook_id bigint, place integer, failing boolean, ended text)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_last bigint := p_after;
    v_wrapped boolean := false;
BEGIN
    place := 0;
    WHILE place < p_limit LOOP
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
        CONTINUE WHEN webhook_id = ANY (p_busy);
        SELECT w.failing_since IS NOT NULL,
               CASE WHEN w.deleted_at IS NOT NULL OR d.deleted_at IS NOT NULL THEN 'the webhook was deleted'
                    WHEN w.status <> 'Active' THEN 'the webhook is disabled' END
          INTO failing, ended
          FROM emailgw.webhook AS w
          JOIN emailgw.domain AS d ON d.account_id = w.account_id AND d.domain_id = w.domain_id
         WHERE w.account_id = next_webhooks.account_id AND w.webhook_id = next_webhooks.webhook_id;
        CONTINUE WHEN p_without_failing AND failing AND ended IS NULL;
        place := place + (ended IS NULL)::integer;
        RETURN NEXT;
    END LOOP;
END
$$;
