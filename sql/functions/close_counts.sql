-- close_counts: moves up to p_limit counters of days that are over from daily_count
-- to closed_count: sums of days and of months, and of days for all domains of an account together.
-- What others have locked is left to another time, so that nobody waits in a circle.
CREATE FUNCTION emailgw_api.close_counts(p_limit integer)
RETURNS bigint -- how many were moved
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off
AS $$
DECLARE
    v_moved bigint;
BEGIN
    WITH old AS MATERIALIZED (
        SELECT o.account_id, o.domain_id, o.day, o.type, o.tag, o.slot FROM emailgw.daily_count AS o
         WHERE o.day < (now() AT TIME ZONE 'UTC')::date - 1 ORDER BY o.day LIMIT p_limit
           FOR UPDATE SKIP LOCKED
    ), moved AS (
        DELETE FROM emailgw.daily_count AS c USING old AS o
         WHERE c.account_id = o.account_id AND c.domain_id = o.domain_id AND c.day = o.day AND c.type = o.type
           AND c.tag = o.tag AND c.slot = o.slot
        RETURNING c.*
    ), closed AS (
        INSERT INTO emailgw.closed_count AS c (account_id, domain_id, span, starts, type, tag, count)
        SELECT m.account_id, s.domain_id, s.span, s.starts, m.type, m.tag, sum(m.count)
          FROM moved AS m
         CROSS JOIN LATERAL (VALUES (m.domain_id, 'd'::"char", m.day),
                                    (m.domain_id, 'm', date_trunc('month', m.day::timestamp)::date),
                                    (0, 'd', m.day)) AS s (domain_id, span, starts)
         WHERE s.domain_id <> 0 OR m.tag = ''
         GROUP BY 1, 2, 3, 4, 5, 6
        ON CONFLICT (account_id, domain_id, span, starts, type, tag) DO UPDATE SET count = c.count + excluded.count
    )
    SELECT count(*) INTO v_moved FROM moved;
    RETURN v_moved;
END
$$;
