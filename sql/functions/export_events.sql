-- export_events: ExportEvents: the next part of a domain's events, newest first, as
-- get_events shows them: of p_count that are looked at, those that match.
--   p_from .. p_texts  as in get_events
--   p_after            only what is older than the event of this id, NULL is all
-- One row at least: status (0; 2: no such domain), and next: from which event on the
-- next call goes on, NULL where there is nothing more. event_id is NULL where none of
-- this part matches.
CREATE FUNCTION emailgw_api.export_events(p_account_id bigint, p_domain_id bigint, p_count integer,
                                          p_from date, p_until date, p_type smallint, p_message_id uuid,
                                          p_fields smallint[], p_texts text[], p_after uuid)
RETURNS TABLE (status integer, next uuid, event_id uuid, type integer, at_us bigint, message_id uuid, email text,
               detail jsonb, subject text, from_email text, from_name text, domain_name text, tags jsonb,
               list_id bigint, subscriber_id bigint, journey_id bigint, action_id bigint, header_id text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp SET plan_cache_mode = force_custom_plan
    SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
AS $$
#variable_conflict use_column
DECLARE
    v_types CONSTANT smallint[] := emailgw_api.types_to_search(p_type, p_fields);
    v_name text;
    v_low uuid;
    v_high uuid;
    v_part record;
    v_ids uuid[];
BEGIN
    SELECT d.name INTO v_name FROM domain AS d
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL;
    IF v_name IS NULL THEN
        status := 2;
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT i.low, least(i.high, p_after) INTO v_low, v_high FROM emailgw_api.ids_of_days(p_from, p_until) AS i;
    SELECT array_agg(e.event_id) AS ids, (array_agg(e.event_id ORDER BY e.event_id))[1] AS oldest, count(*) AS count
      INTO v_part
      FROM (SELECT l.event_id FROM event AS l
             WHERE l.account_id = p_account_id AND l.domain_id = p_domain_id
               AND l.event_id >= v_low AND l.event_id < v_high AND (v_types IS NULL OR l.type = ANY (v_types))
               AND (p_message_id IS NULL OR l.message_id = p_message_id)
             ORDER BY l.event_id DESC LIMIT p_count) AS e;
    v_ids := v_part.ids;
    IF cardinality(p_fields) > 0 AND v_part.count > 0 THEN
        v_ids := ARRAY(SELECT emailgw_api.match_events(p_account_id, p_domain_id, v_part.oldest, v_high, v_types,
                                                       p_message_id, p_fields, p_texts));
    END IF;
    RETURN QUERY
    SELECT 0, CASE WHEN v_part.count = p_count THEN v_part.oldest END, s.*
      FROM (SELECT) AS always
      LEFT JOIN emailgw_api.show_events(p_account_id, p_domain_id, v_name, v_ids) AS s ON true
     ORDER BY s.event_id DESC;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.export_events TO emailgw_module;
