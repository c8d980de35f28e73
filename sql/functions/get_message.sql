-- get_message: a message, what has become of each recipient, and its newest events.
--   p_key_hash  see find_message
--   p_events    how many of them at most
-- One row at least: status (see find_message). The first has what is the message's, with
-- recipients: [{"email", "kind", "state", "attempts", "next_us", "finished_us"}], times
-- in microseconds; each has an event, newest first, or event_id NULL where there is none.
-- state is that of the recipient or, while it is in the queue, scheduled (it waits for
-- SendAt), queued (it is due), sending, or deferred.
CREATE FUNCTION emailgw_api.get_message(p_account_id bigint, p_key_hash bytea, p_message_id uuid, p_events integer)
RETURNS TABLE (status integer, domain_name text, from_email text, from_name text, subject text, tags jsonb,
               send_at_us bigint, accepted_at_us bigint, recipients jsonb, event_id uuid, type integer, at_us bigint,
               message_id uuid, email text, detail jsonb, list_id bigint, subscriber_id bigint, journey_id bigint,
               action_id bigint, header_id text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    v_found record;
    v_recipients jsonb;
    v_own_id CONSTANT text := emailgw_api.own_message_id(p_account_id, p_message_id);
    -- Events are made by another clock than ids of messages.
    v_low CONSTANT uuid := uuid7_floor(uuid7_time(p_message_id) - interval '1 day');
BEGIN
    SELECT * INTO v_found FROM emailgw_api.find_message(p_account_id, p_key_hash, 'events', p_message_id);
    IF v_found.status <> 0 THEN
        status := v_found.status;
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT jsonb_agg(jsonb_build_object('email', r.email, 'kind', r.kind, 'attempts', r.attempts,
                     'state', CASE WHEN r.status <> 'queued' THEN r.status::text
                                   WHEN q.ready OR q.next_at <= now() THEN 'queued'
                                   WHEN q.leased THEN 'sending'
                                   WHEN r.attempts = 0 THEN 'scheduled'
                                   ELSE 'deferred' END,
                     'next_us', CASE WHEN q.ready OR NOT q.leased THEN (extract(epoch FROM q.next_at) * 1000000)::bigint END,
                     'finished_us', (extract(epoch FROM r.finished_at) * 1000000)::bigint) ORDER BY r.recipient_no)
      INTO v_recipients
      FROM recipient AS r
      LEFT JOIN queue AS q ON q.account_id = r.account_id AND q.message_id = r.message_id
                          AND q.recipient_no = r.recipient_no AND r.status = 'queued'
     WHERE r.account_id = p_account_id AND r.message_id = p_message_id;
    RETURN QUERY
    SELECT 0, d.name, m.from_email, m.from_name, m.subject, to_jsonb(m.tags), (extract(epoch FROM m.send_at) * 1000000)::bigint,
           (extract(epoch FROM m.accepted_at) * 1000000)::bigint,
           CASE WHEN row_number() OVER (ORDER BY e.event_id DESC) = 1 THEN v_recipients END,
           e.event_id, e.type::integer, (extract(epoch FROM e.at) * 1000000)::bigint, m.message_id, e.email, e.detail,
           m.list_id, m.subscriber_id, m.journey_id, m.action_id, v_own_id
      FROM message AS m
      JOIN domain AS d ON d.account_id = m.account_id AND d.domain_id = m.domain_id
      LEFT JOIN LATERAL (SELECT l.* FROM event AS l
                          WHERE l.account_id = p_account_id AND l.message_id = p_message_id AND l.event_id >= v_low
                          ORDER BY l.event_id DESC LIMIT p_events) AS e ON true
     WHERE m.account_id = p_account_id AND m.message_id = p_message_id
     ORDER BY e.event_id DESC;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_message TO emailgw_module;
