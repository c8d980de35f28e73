-- search_events: list_events with a search box.
--   p_after            as there
--   p_message_id       of this message only, or NULL
--   p_fields, p_texts  terms (core/eventquery.h); an event must match each of them
-- What must be read is bounded before it is read: the domain's events of the
-- period, or fewer where the type says so, which the terms can do too. total is
-- negative where that is more than may be read; its amount is how many.
CREATE FUNCTION emailgw_api.search_events(p_account_id bigint, p_domain_id bigint, p_start bigint, p_count integer,
                                          p_from date, p_until date, p_type smallint, p_message_id uuid,
                                          p_fields smallint[], p_texts text[], p_after uuid,
                                          OUT total bigint, OUT event_ids uuid[])
LANGUAGE plpgsql STABLE SET work_mem = '64MB'
AS $$
#variable_conflict use_column
DECLARE
    v_types CONSTANT smallint[] := emailgw_api.types_to_search(p_type, p_fields);
BEGIN
    IF p_message_id IS NULL THEN
        total := -emailgw_api.events_to_read(p_account_id, p_domain_id, p_from, p_until, v_types);
        IF total < 0 THEN
            event_ids := '{}';
            RETURN;
        END IF;
    END IF;

    WITH hit AS MATERIALIZED (
        SELECT f.id FROM emailgw_api.find_events(p_account_id, p_domain_id, p_from, p_until, v_types, p_message_id,
                                                 p_fields, p_texts) AS f (id)
    )
    SELECT count(*), ARRAY(SELECT h.id FROM hit AS h WHERE p_after IS NULL OR h.id < p_after
                            ORDER BY h.id DESC OFFSET p_start LIMIT p_count)
      INTO total, event_ids
      FROM hit;
END
$$;
