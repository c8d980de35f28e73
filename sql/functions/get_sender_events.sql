-- get_sender_events: GET /api/v1/events: the events of a sender key's domain,
-- newest first, and how many there are in all.
--   p_since, p_until  both included, the latter to its whole second; NULL is open
--   p_type            core/eventtype.h, NULL is all
--   p_after           only what is older than the event of this id, NULL is all; p_start is 0 then.
--                     The total is of all
-- A message's events are counted one by one, all others by list_events.
-- One row at least: status (see sender_key) and total; event_id is NULL where
-- there is no event on this page.
CREATE FUNCTION emailgw_api.get_sender_events(p_account_id bigint, p_key_hash bytea, p_start bigint, p_count integer,
                                              p_since timestamptz, p_until timestamptz, p_type smallint,
                                              p_message_id uuid, p_after uuid DEFAULT NULL)
RETURNS TABLE (status integer, total bigint, event_id uuid, type integer, at_us bigint, message_id uuid, email text,
               detail jsonb, tags jsonb, list_id bigint, subscriber_id bigint, journey_id bigint, action_id bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    v_key record;
    v_page record;
    v_low uuid := uuid7_floor(greatest(p_since, '1970-01-01'));
    v_high uuid := coalesce(uuid7_floor(p_until + interval '1 second'), 'ffffffff-ffff-ffff-ffff-ffffffffffff');
BEGIN
    SELECT k.status, k.domain_id INTO v_key
      FROM emailgw_api.sender_key(p_account_id, p_key_hash, 'events') AS k;
    IF coalesce(v_key.status, 13) <> 0 THEN
        status := coalesce(v_key.status, 13);
        total := 0;
        RETURN NEXT;
        RETURN;
    END IF;
    IF p_message_id IS NULL THEN
        SELECT * INTO v_page
          FROM emailgw_api.list_events(p_account_id, v_key.domain_id, p_start, p_count, v_low, v_high, p_type, p_after);
    ELSE
        WITH hit AS (
            SELECT e.event_id FROM event AS e
             WHERE e.account_id = p_account_id AND e.domain_id = v_key.domain_id AND e.message_id = p_message_id
               AND e.event_id >= v_low AND e.event_id < v_high AND (p_type IS NULL OR e.type = p_type)
        )
        SELECT count(*) AS total,
               ARRAY(SELECT h.event_id FROM hit AS h WHERE p_after IS NULL OR h.event_id < p_after
                      ORDER BY h.event_id DESC OFFSET p_start LIMIT p_count) AS event_ids
          INTO v_page FROM hit;
    END IF;
    RETURN QUERY
    SELECT 0, v_page.total, p.event_id, p.type::integer, (extract(epoch FROM p.at) * 1000000)::bigint,
           p.message_id, p.email, p.detail, to_jsonb(m.tags), m.list_id, m.subscriber_id, m.journey_id, m.action_id
      FROM (SELECT) AS always
      LEFT JOIN event AS p ON p.account_id = p_account_id AND p.domain_id = v_key.domain_id
                          AND p.event_id = ANY (v_page.event_ids)
      LEFT JOIN message AS m ON m.account_id = p_account_id AND m.message_id = p.message_id
     ORDER BY p.event_id DESC;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_sender_events TO emailgw_module;
