-- next_accounts: up to p_limit accounts that have something ready, those after
-- p_after first, then from the beginning: a round. One index probe each.
CREATE FUNCTION emailgw_api.next_accounts(p_after bigint, p_limit integer)
RETURNS bigint[]
LANGUAGE sql VOLATILE
AS $$
    WITH RECURSIVE behind (account_id, no) AS (
        (SELECT q.account_id, 1 FROM emailgw.queue AS q
          WHERE q.ready AND q.account_id > p_after ORDER BY q.account_id LIMIT 1)
        UNION ALL
        SELECT (SELECT q.account_id FROM emailgw.queue AS q
                 WHERE q.ready AND q.account_id > b.account_id ORDER BY q.account_id LIMIT 1), b.no + 1
          FROM behind AS b WHERE b.account_id IS NOT NULL AND b.no < p_limit
    ), before (account_id, no) AS (
        (SELECT q.account_id, 1 FROM emailgw.queue AS q
          WHERE q.ready AND q.account_id <= p_after ORDER BY q.account_id LIMIT 1)
        UNION ALL
        SELECT (SELECT q.account_id FROM emailgw.queue AS q
                 WHERE q.ready AND q.account_id > b.account_id AND q.account_id <= p_after
                 ORDER BY q.account_id LIMIT 1), b.no + 1
          FROM before AS b WHERE b.account_id IS NOT NULL AND b.no < p_limit
    )
    SELECT coalesce(array_agg(r.account_id ORDER BY r.half, r.no), '{}')
      FROM (SELECT 1 AS half, b.no, b.account_id FROM behind AS b WHERE b.account_id IS NOT NULL
            UNION ALL
            SELECT 2, b.no, b.account_id FROM before AS b WHERE b.account_id IS NOT NULL
             ORDER BY 1, 2 LIMIT p_limit) AS r
$$;
