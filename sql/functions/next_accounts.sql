-- next_accounts: up to p_limit accounts that have something to claim, those
-- after p_after first, then from the beginning: a round. With each its first
-- domain that has anything ready. Two index probes each; more where that was cut
-- off, for others may have something.
CREATE FUNCTION emailgw_api.next_accounts(p_after bigint, p_limit integer)
RETURNS TABLE (account_id bigint, low bigint)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_variable
DECLARE
    v_live boolean;
    v_left integer := p_limit;
BEGIN
    FOR v_half IN 1 .. 2 LOOP -- behind p_after, then before it
        account_id := CASE v_half WHEN 1 THEN p_after ELSE 0 END;
        WHILE v_left > 0 LOOP
            SELECT q.account_id, q.domain_id, q.epoch = (SELECT d.queue_epoch FROM emailgw.domain AS d
                                                          WHERE d.account_id = q.account_id
                                                            AND d.domain_id = q.domain_id)
              INTO account_id, low, v_live
              FROM emailgw.queue AS q
             WHERE q.ready AND q.account_id > account_id
             ORDER BY q.account_id, q.domain_id, q.epoch LIMIT 1;
            EXIT WHEN NOT FOUND OR v_half = 2 AND account_id > p_after;
            IF v_live OR EXISTS (SELECT FROM emailgw_api.next_lanes(account_id, low, 1)) THEN
                v_left := v_left - 1;
                RETURN NEXT;
            END IF;
        END LOOP;
    END LOOP;
END
$$;
