-- show_events: what GetEvents and ExportEvents show of these events of a domain.
-- header_id is own_message_id.
CREATE FUNCTION emailgw_api.show_events(p_account_id bigint, p_domain_id bigint, p_domain_name text, p_event_ids uuid[])
RETURNS TABLE (event_id uuid, type integer, at_us bigint, message_id uuid, email text, detail jsonb, subject text,
               from_email text, from_name text, domain_name text, tags jsonb, list_id bigint, subscriber_id bigint,
               journey_id bigint, action_id bigint, header_id text)
LANGUAGE sql STABLE
AS $$
    SELECT e.event_id, e.type::integer, (extract(epoch FROM e.at) * 1000000)::bigint, e.message_id, e.email, e.detail,
           m.subject, m.from_email, m.from_name, p_domain_name, to_jsonb(m.tags),
           m.list_id, m.subscriber_id, m.journey_id, m.action_id,
           CASE WHEN m.smtp_id IS NOT NULL THEN emailgw_api.own_message_id(p_account_id, m.message_id) END
      FROM emailgw.event AS e
      LEFT JOIN emailgw.message AS m ON m.account_id = p_account_id AND m.message_id = e.message_id
     WHERE e.account_id = p_account_id AND e.domain_id = p_domain_id AND e.event_id = ANY (p_event_ids)
$$;
