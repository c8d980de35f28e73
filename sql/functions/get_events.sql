-- get_events: GetEvents: events of one of the account's domains, newest first, and
-- how many there are in all.
--   p_from, p_until    days (UTC), both included; NULL is open
--   p_type             core/eventtype.h, NULL is all, any other number none
--   p_message_id       of this message only, NULL is all
--   p_fields, p_texts  what the search box asks for (core/eventquery.h)
--   p_after            only what is older than the event of this id, NULL is all; p_start is 0 then.
--                      The total is of all
-- Planned anew each time, since conditions that are not asked for fall away; on
-- indexes whatever the statistics say, and by one process.
-- One row at least: status (0; 2: no such domain; 116: the search would have to
-- read more events than it may, total of them) and total; event_id is NULL where
-- there is no event on this page.
CREATE FUNCTION emailgw_api.get_events(p_account_id bigint, p_domain_id bigint, p_start bigint, p_count integer,
                                       p_from date, p_until date, p_type smallint, p_message_id uuid,
                                       p_fields smallint[], p_texts text[], p_after uuid DEFAULT NULL)
RETURNS TABLE (status integer, total bigint, event_id uuid, type integer, at_us bigint, message_id uuid, email text,
               detail jsonb, subject text, from_email text, from_name text, domain_name text, tags jsonb,
               list_id bigint, subscriber_id bigint, journey_id bigint, action_id bigint, header_id text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp SET plan_cache_mode = force_custom_plan
    SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
AS $$
#variable_conflict use_column
DECLARE
    v_page record;
    v_name text;
BEGIN
    SELECT d.name INTO v_name FROM domain AS d
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL;
    IF v_name IS NULL THEN
        status := 2;
        RETURN NEXT;
        RETURN;
    END IF;
    IF p_message_id IS NULL AND cardinality(p_fields) = 0 THEN
        SELECT l.* INTO v_page
          FROM emailgw_api.ids_of_days(p_from, p_until) AS i
         CROSS JOIN LATERAL emailgw_api.list_events(p_account_id, p_domain_id, p_start, p_count, i.low, i.high, p_type,
                                                    p_after) AS l;
    ELSE
        SELECT * INTO v_page
          FROM emailgw_api.search_events(p_account_id, p_domain_id, p_start, p_count, p_from, p_until, p_type,
                                         p_message_id, p_fields, p_texts, p_after);
    END IF;
    RETURN QUERY
    SELECT CASE WHEN v_page.total < 0 THEN 116 ELSE 0 END, abs(v_page.total), s.*
      FROM (SELECT) AS always
      LEFT JOIN emailgw_api.show_events(p_account_id, p_domain_id, v_name, v_page.event_ids) AS s ON true
     ORDER BY s.event_id DESC;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_events TO emailgw_module;
