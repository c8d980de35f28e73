-- count_events: adds events to the counters. To be called in the transaction that
-- makes them; the sends of a mail are counted when it leaves the queue or is tried
-- for the first time (queue.counted), all else at once.
--   p_account_ids .. p_message_ids  one element an event; p_ats are their times
--   p_firsts  true where it is the recipient's first of that type (first_event)
-- The slot is the connection's, and rows are taken in one order, so that callers
-- neither wait for each other much nor in a circle.
CREATE FUNCTION emailgw_api.count_events(p_account_ids bigint[], p_domain_ids bigint[], p_types integer[],
                                         p_ats timestamptz[], p_message_ids uuid[], p_firsts boolean[] DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO emailgw.daily_count AS c (account_id, domain_id, day, type, tag, slot, count)
    SELECT e.account_id, e.domain_id, (e.at AT TIME ZONE 'UTC')::date, k.type, t.tag, pg_backend_pid() % 16, count(*)
      FROM unnest(p_account_ids, p_domain_ids, p_types, p_ats, p_message_ids, p_firsts)
           AS e (account_id, domain_id, type, at, message_id, first)
      LEFT JOIN emailgw.message AS m ON m.account_id = e.account_id AND m.message_id = e.message_id
     CROSS JOIN LATERAL (SELECT e.type UNION ALL SELECT e.type + 100 WHERE e.first) AS k (type)
     CROSS JOIN LATERAL unnest('{""}' || coalesce(m.tags, '{}')) AS t (tag)
     GROUP BY 1, 2, 3, 4, 5
     ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (account_id, domain_id, day, type, tag, slot) DO UPDATE SET count = c.count + excluded.count
$$;
