-- match_events: which of a domain's events with ids from p_low on and below p_high
-- match the terms of a search box.
--   p_types            of these types only, or NULL
--   p_message_id       of this message only, or NULL
--   p_fields, p_texts  terms (core/eventquery.h); an event must match each of them
-- A word alone is looked for in all texts of an event at once, since no term has a
-- line feed in it. Conditions without terms are constants, and cost nothing.
-- Events are gone through once, each with one probe for its message: what else a
-- planner may think of reads the events once more for each message that matches.
CREATE FUNCTION emailgw_api.match_events(p_account_id bigint, p_domain_id bigint, p_low uuid, p_high uuid,
                                         p_types smallint[], p_message_id uuid, p_fields smallint[], p_texts text[])
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_high_message CONSTANT uuid := -- its clock is another one: a day more; before the end of what an id can say
        emailgw.uuid7_floor(least(emailgw.uuid7_time(p_high) + interval '1 day', '10000-01-01'));
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
BEGIN
    RETURN QUERY
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
       AND e.event_id >= p_low AND e.event_id < p_high AND (p_types IS NULL OR e.type = ANY (p_types))
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
       AND (v_any = '{}' OR (emailgw_api.fold_text(e.email) || coalesce(E'\n' || m.texts, '')) LIKE ALL (v_any));
END
$$;
