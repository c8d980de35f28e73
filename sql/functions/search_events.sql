-- search_events: list_events with a search box.
--   p_after            as there
--   p_message_id       of this message only, or NULL
--   p_fields, p_texts  terms (core/eventquery.h); an event must match each of them
-- What must be read is bounded before it is read: the domain's events of the
-- period, or fewer where the type says so, which the terms can do too: url and ip
-- are of persons' events, reasons of failures. total is negative where that is
-- more than may be read; its amount is how many.
-- A word alone is looked for in all texts of an event at once, since no term has a
-- line feed in it. Conditions without terms are constants, and cost nothing.
-- Events are gone through once, each with one probe for its message: what else a
-- planner may think of reads the events once more for each message that matches.
CREATE FUNCTION emailgw_api.search_events(p_account_id bigint, p_domain_id bigint, p_start bigint, p_count integer,
                                          p_from date, p_until date, p_type smallint, p_message_id uuid,
                                          p_fields smallint[], p_texts text[], p_after uuid,
                                          OUT total bigint, OUT event_ids uuid[])
LANGUAGE plpgsql STABLE SET work_mem = '64MB'
AS $$
#variable_conflict use_column
DECLARE
    v_low uuid;
    v_high uuid;
    v_high_message uuid; -- its clock is another one: a day more
    v_any     text[] := emailgw_api.like_patterns(p_fields, p_texts, 0, '%', '%');
    v_subject text[] := emailgw_api.like_patterns(p_fields, p_texts, 1, '%', '%');
    v_from    text[] := emailgw_api.like_patterns(p_fields, p_texts, 2, '%', '%');
    v_to      text[] := emailgw_api.like_patterns(p_fields, p_texts, 3, '%', '%');
    v_domain  text[] := emailgw_api.like_patterns(p_fields, p_texts, 4, '%.', '');
    v_tag     text[] := emailgw_api.like_patterns(p_fields, p_texts, 5, E'%\n', E'\n%');
    v_url     text[] := emailgw_api.like_patterns(p_fields, p_texts, 6, '%', '%');
    v_ip      text[] := emailgw_api.like_patterns(p_fields, p_texts, 7, '', '');
    v_reason  text[] := emailgw_api.like_patterns(p_fields, p_texts, 8, '%', '%');
    v_of_message boolean := v_any || v_subject || v_from || v_tag <> '{}'; -- else it need not be read
    v_types smallint[] := ARRAY(SELECT t FROM generate_series(1, 10) AS t
                                 WHERE (p_type IS NULL OR t = p_type)
                                   AND (v_url || v_ip = '{}' OR t >= 7) AND (v_reason = '{}' OR t BETWEEN 3 AND 6));
BEGIN
    IF p_message_id IS NULL THEN
        total := -emailgw_api.events_to_read(p_account_id, p_domain_id, p_from, p_until, v_types);
        IF total < 0 THEN
            event_ids := '{}';
            RETURN;
        END IF;
    END IF;
    IF cardinality(v_types) = 10 THEN
        v_types := NULL;
    END IF;

    SELECT i.low, i.high, m.high INTO v_low, v_high, v_high_message
      FROM emailgw_api.ids_of_days(p_from, p_until) AS i, emailgw_api.ids_of_days(p_from, p_until + 1) AS m;
    WITH hit AS MATERIALIZED (
        SELECT e.event_id
          FROM emailgw.event AS e
          LEFT JOIN LATERAL (SELECT l.*, emailgw_api.fold_text(l.subject) || E'\n' || emailgw_api.fold_text(l.from_email)
                                         || E'\n' || emailgw_api.fold_text(l.from_name)
                                         || E'\n' || emailgw_api.fold_text(array_to_string(l.tags, E'\n'))
                                         || E'\n' || l.message_id AS texts
                               FROM emailgw.message AS l
                              WHERE l.account_id = p_account_id AND l.message_id = e.message_id
                                AND l.message_id < v_high_message AND v_of_message OFFSET 0) AS m ON true
         WHERE e.account_id = p_account_id AND e.domain_id = p_domain_id
           AND e.event_id >= v_low AND e.event_id < v_high AND (v_types IS NULL OR e.type = ANY (v_types))
           AND (p_message_id IS NULL OR e.message_id = p_message_id)
           AND (v_to = '{}' OR emailgw_api.fold_text(e.email) LIKE ALL (v_to))
           AND (v_domain = '{}' OR ('.' || split_part(emailgw_api.fold_text(e.email), '@', -1)) LIKE ALL (v_domain))
           AND (v_url = '{}' OR emailgw_api.fold_text(e.detail ->> 'url') LIKE ALL (v_url))
           AND (v_ip = '{}' OR emailgw_api.fold_text(e.detail ->> 'ip') LIKE ALL (v_ip))
           AND (v_reason = '{}' OR emailgw_api.fold_text(concat_ws(' ', emailgw_api.event_reason(e.detail),
                                                                   e.detail #>> '{bounce,class}')) LIKE ALL (v_reason))
           AND (v_subject || v_from || v_tag = '{}' OR m.message_id IS NOT NULL)
           AND (v_subject = '{}' OR emailgw_api.fold_text(m.subject) LIKE ALL (v_subject))
           AND (v_from = '{}' OR (emailgw_api.fold_text(m.from_email) || E'\n' || emailgw_api.fold_text(m.from_name))
                                 LIKE ALL (v_from))
           AND (v_tag = '{}' OR (E'\n' || emailgw_api.fold_text(array_to_string(m.tags, E'\n')) || E'\n')
                                LIKE ALL (v_tag))
           AND (v_any = '{}' OR (emailgw_api.fold_text(e.email) || coalesce(E'\n' || m.texts, '')) LIKE ALL (v_any))
    )
    SELECT count(*), ARRAY(SELECT h.event_id FROM hit AS h WHERE p_after IS NULL OR h.event_id < p_after
                            ORDER BY h.event_id DESC OFFSET p_start LIMIT p_count)
      INTO total, event_ids
      FROM hit;
END
$$;
