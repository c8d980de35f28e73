-- first_event_day: the day (UTC) of the oldest event that a domain still has, NULL
-- where it has none. Counters reach further back; retention ends with whole days.
CREATE FUNCTION emailgw_api.first_event_day(p_account_id bigint, p_domain_id bigint)
RETURNS date
LANGUAGE sql STABLE
AS $$
    SELECT (emailgw.uuid7_time(e.event_id) AT TIME ZONE 'UTC')::date
      FROM emailgw.event AS e
     WHERE e.account_id = p_account_id AND e.domain_id = p_domain_id
     ORDER BY e.event_id
     LIMIT 1
$$;
