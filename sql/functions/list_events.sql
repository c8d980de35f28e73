-- list_events: a domain's events of a type (NULL: all) with ids from p_low on and below p_high, newest
-- first: how many there are, and the ids of a page.
-- The counters say how many each whole day has, and so on which day the page begins: what comes
-- before that day is not walked through. Parts of days, at either end, are counted one by one.
--   p_after  a page from what is older than this event on: p_start is 0 then
CREATE FUNCTION emailgw_api.list_events(p_account_id bigint, p_domain_id bigint, p_start bigint, p_count integer,
                                        p_low uuid, p_high uuid, p_type smallint,
                                        p_after uuid,
                                        OUT total bigint, OUT event_ids uuid[])
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_first date := emailgw_api.first_event_day(p_account_id, p_domain_id);
    v_days record;
    v_place record; -- the day that the page begins on, and how many events are newer than that day's
    v_high uuid;
BEGIN
    SELECT * INTO v_days FROM emailgw_api.days_of_ids(p_low, p_high);
    WITH counted AS (
        SELECT d.day, sum(d.count) AS count
          FROM emailgw_api.domain_counts(p_account_id, p_domain_id, greatest(v_days.from_day, v_first), v_days.until_day) AS d
         WHERE v_first IS NOT NULL AND d.type < 100 AND (p_type IS NULL OR d.type = p_type)
         GROUP BY d.day
        UNION ALL
        SELECT v_days.from_day - 1, count(*) FROM emailgw.event AS e
         WHERE e.account_id = p_account_id AND e.domain_id = p_domain_id
           AND e.event_id >= p_low AND e.event_id < least(p_high, v_days.low) AND (p_type IS NULL OR e.type = p_type)
        UNION ALL
        SELECT v_days.until_day + 1, count(*) FROM emailgw.event AS e
         WHERE e.account_id = p_account_id AND e.domain_id = p_domain_id
           AND e.event_id >= v_days.high AND e.event_id < p_high AND (p_type IS NULL OR e.type = p_type)
    ), placed AS (
        SELECT c.day, sum(c.count) OVER (ORDER BY c.day DESC) - c.count AS newer, c.count FROM counted AS c
    )
    SELECT (SELECT coalesce(sum(c.count), 0) FROM counted AS c)::bigint AS total, p.day, p.newer
      INTO v_place
      FROM (SELECT) AS always
      LEFT JOIN placed AS p ON p.newer <= p_start AND p.newer + p.count > p_start;
    total := v_place.total;
    SELECT least(p_high, CASE WHEN p_after IS NULL THEN i.high ELSE p_after END) INTO v_high
      FROM emailgw_api.ids_of_days(NULL, v_place.day) AS i
     WHERE v_place.day IS NOT NULL;
    event_ids := ARRAY(
        SELECT e.event_id FROM emailgw.event AS e
         WHERE e.account_id = p_account_id AND e.domain_id = p_domain_id
           AND e.event_id >= p_low AND e.event_id < v_high
           AND (p_type IS NULL OR e.type = p_type)
         ORDER BY e.event_id DESC
        OFFSET CASE WHEN p_after IS NULL THEN p_start - v_place.newer ELSE 0 END LIMIT p_count);
END
$$;
