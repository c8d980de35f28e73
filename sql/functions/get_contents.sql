-- get_contents: what is needed to render messages, one row each; none where the
-- content is gone. Looked up one by one (OFFSET 0 keeps the planner from joining
-- by account first): the cost goes with what is asked for, not with what is
-- stored. Bounds of the ids leave partitions unopened that hold none of them.
-- suppressed has the numbers of the leased recipients that are on the suppression
-- list by now, as an array, NULL for none: one probe each.
--   p_hashes  of each message: {"recipient_no": hashes as in suppressions_of}
-- return_host is where the domain's return path leads by the records that it was
-- given; NULL where those have none. source_address is NULL where the domain's
-- mail is sent from whichever the system takes. What is tracked is said by the mail,
-- else by its domain; tracking_url is NULL where links have nothing to begin with.
-- Where attached is false there are no attachments.
CREATE FUNCTION emailgw_api.get_contents(p_account_ids bigint[], p_message_ids uuid[], p_hashes jsonb[] DEFAULT NULL)
RETURNS TABLE (account_id bigint, message_id uuid, domain text, from_email text, from_name text, subject text,
               mail_to jsonb, mail_cc jsonb, reply_to jsonb, headers jsonb, html text, plain text,
               first_attempt_us bigint, domain_id bigint, dkim_selector text, return_host text, list_id bigint,
               suppressed jsonb, source_address text, track_links boolean, track_opens boolean,
               unsubscribe_link boolean, tracking_url text, raw bytea, attached boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_low CONSTANT uuid := (SELECT i.id FROM unnest(p_message_ids) AS i (id) ORDER BY i.id LIMIT 1);
    v_high CONSTANT uuid := (SELECT i.id FROM unnest(p_message_ids) AS i (id) ORDER BY i.id DESC LIMIT 1);
BEGIN
    RETURN QUERY
    SELECT w.account_id, w.message_id, d.name, m.from_email, m.from_name, m.subject,
           c.mail_to, c.mail_cc, c.reply_to, c.headers, c.html, c.plain,
           (extract(epoch FROM coalesce(q.first_attempt_at, now())) * 1000000)::bigint,
           m.domain_id, d.dkim_selector, CASE WHEN d.mail_host <> '' THEN d.subdomain || '.' || d.name END, m.list_id,
           q.suppressed, host(d.source_address), coalesce(m.track_links, d.link_tracking),
           coalesce(m.track_opens, d.open_tracking), d.unsubscribe_link, d.tracking_base_url, c.raw, c.attached
      FROM unnest(p_account_ids, p_message_ids, p_hashes) AS w (account_id, message_id, hashes)
     CROSS JOIN LATERAL (SELECT * FROM message AS l
                          WHERE l.account_id = w.account_id AND l.message_id = w.message_id
                            AND l.message_id BETWEEN v_low AND v_high OFFSET 0) AS m
     CROSS JOIN LATERAL (SELECT * FROM content AS l
                          WHERE l.account_id = w.account_id AND l.message_id = w.message_id
                            AND l.message_id BETWEEN v_low AND v_high OFFSET 0) AS c
     CROSS JOIN LATERAL (SELECT l.name, l.dkim_selector, l.mail_host, l.subdomain, l.source_address, l.link_tracking,
                                l.open_tracking, l.unsubscribe_link, l.tracking_base_url
                           FROM domain AS l
                          WHERE l.account_id = w.account_id AND l.domain_id = m.domain_id OFFSET 0) AS d
     CROSS JOIN LATERAL (SELECT min(l.first_attempt_at) AS first_attempt_at,
                                jsonb_agg(l.recipient_no) FILTER (
                                    WHERE l.leased AND EXISTS (
                                          SELECT FROM emailgw_api.suppressions_of(
                                              w.account_id, m.domain_id, l.email,
                                              w.hashes ->> l.recipient_no::text))) AS suppressed
                           FROM queue AS l
                          WHERE l.account_id = w.account_id AND l.message_id = w.message_id) AS q;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_contents TO emailgw_sender;
