-- list_events: a domain's events of a type (NULL: all) and of days, both ends
-- included (NULL: open), newest first: how many there are, and the ids of a page.
-- The counters say how many, and on which day the page begins: what comes before
-- that day is not walked through.
--   p_after  a page from what is older than this event on: p_start is 0 then
CREATE FUNCTION emailgw_api.list_events(p_account_id bigint, p_domain_id bigint, p_start bigint, p_count integer,
                                        p_from date, p_until date, p_type smallint,
                                        p_after uuid,
                                        OUT total bigint, OUT event_ids uuid[])
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_first date := emailgw_api.first_event_day(p_account_id, p_domain_id);
    v_low uuid;
    v_high uuid;
    v_place record; -- the day that the page begins on, and how many events are newer than that day's
BEGIN
    WITH counted AS (
        SELECT d.day, sum(d.count) AS count
          FROM emailgw_api.domain_counts(p_account_id, p_domain_id, greatest(p_from, v_first), p_until) AS d
         WHERE v_first IS NOT NULL AND d.type < 100 AND (p_type IS NULL OR d.type = p_type)
         GROUP BY d.day
    ), placed AS (
        SELECT c.day, sum(c.count) OVER (ORDER BY c.day DESC) - c.count AS newer, c.count FROM counted AS c
    )
    SELECT (SELECT coalesce(sum(c.count), 0) FROM counted AS c)::bigint AS total, p.day, p.newer
      INTO v_place
      FROM (SELECT) AS always
      LEFT JOIN placed AS p ON p.newer <= p_start AND p.newer + p.count > p_start;
    total := v_place.total;
    SELECT i.low, i.high INTO v_low, v_high
      FROM emailgw_api.ids_of_days(p_from, CASE WHEN p_after IS NULL THEN v_place.day ELSE p_until END) AS i
     WHERE v_place.day IS NOT NULL;
    event_ids := ARRAY(
        SELECT e.event_id FROM emailgw.event AS e
         WHERE e.account_id = p_account_id AND e.domain_id = p_domain_id
           AND e.event_id >= v_low AND e.event_id < least(v_high, p_after)
           AND (p_type IS NULL OR e.type = p_type)
         ORDER BY e.event_id DESC
        OFFSET CASE WHEN p_after IS NULL THEN p_start - v_place.newer ELSE 0 END LIMIT p_count);
END
$$;
