-- store_mails: what accept has taken, into all its tables. One that is there already
-- is left as it is: that very call has been committed before.
CREATE FUNCTION emailgw_api.store_mails(p_mails emailgw_api.mail[], p_taken emailgw_api.taken_mail[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_taken emailgw_api.taken_mail[] := p_taken;
    v_stored uuid[];
    v_attachments boolean;
    v_limited boolean;
    v_wants_webhooks boolean;
    v_told record;
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    WITH stored AS (
        INSERT INTO emailgw.message (account_id, message_id, domain_id, api_key_id, smtp_id, from_email, from_name,
                                     subject, tags, track_links, track_opens, send_at, list_id, subscriber_id,
                                     journey_id, action_id, size_bytes)
        SELECT t.account_id, m.message_id, t.domain_id, t.api_key_id, t.smtp_id, t.from_email, t.from_name, m.subject,
               m.tags, m.track_links, m.track_opens, m.send_at, t.list_id, t.subscriber_id, t.journey_id,
               t.action_id, m.size_bytes
          FROM unnest(v_taken) AS t
         CROSS JOIN LATERAL (SELECT (p_mails[t.mail_no]).*) AS m
        ON CONFLICT (account_id, message_id) DO NOTHING
        RETURNING message_id
    )
    SELECT (SELECT array_agg(s.message_id) FROM stored AS s),
           bool_or((p_mails[t.mail_no]).attachments IS NOT NULL), bool_or(t.limited), bool_or(t.wants_webhooks)
      INTO v_stored, v_attachments, v_limited, v_wants_webhooks
      FROM unnest(v_taken) AS t;
    IF v_stored IS NULL THEN
        RETURN;
    END IF;
    IF cardinality(v_stored) < cardinality(v_taken) THEN
        v_taken := ARRAY(SELECT t FROM unnest(v_taken) AS t
                          WHERE (p_mails[t.mail_no]).message_id = ANY (v_stored));
    END IF;

    INSERT INTO emailgw.content (account_id, message_id, mail_to, mail_cc, reply_to, headers, html, plain, raw, attached)
    SELECT t.account_id, m.message_id, m.mail_to, m.mail_cc, t.reply_to, m.headers, m.html, m.plain, m.raw,
           m.attachments IS NOT NULL OR t.subscriber_id IS NOT NULL
      FROM unnest(v_taken) AS t
     CROSS JOIN LATERAL (SELECT (p_mails[t.mail_no]).*) AS m;

    IF v_attachments THEN
        INSERT INTO emailgw.attachment (account_id, message_id, attachment_no, filename, content_type, disposition,
                                        content_id, content)
        SELECT t.account_id, m.message_id, a.no, a.meta ->> 'filename', a.meta ->> 'type', a.meta ->> 'disposition',
               a.meta ->> 'contentid', m.attachment_contents[a.no]
          FROM unnest(v_taken) AS t
         CROSS JOIN LATERAL (SELECT (p_mails[t.mail_no]).*) AS m
         CROSS JOIN LATERAL jsonb_array_elements(m.attachments) WITH ORDINALITY AS a (meta, no);
    END IF;

    WITH envelope AS (
        SELECT t.account_id, t.domain_id, t.queue_epoch, m.message_id, m.send_at, m.size_bytes, e.no::smallint AS no,
               e.kind::emailgw.recipient_kind AS kind, e.email, e.domain
          FROM unnest(v_taken) AS t
         CROSS JOIN LATERAL (SELECT (p_mails[t.mail_no]).*) AS m
         CROSS JOIN LATERAL unnest(m.kinds, m.emails, m.domains) WITH ORDINALITY AS e (kind, email, domain, no)
    ), recipients AS (
        INSERT INTO emailgw.recipient (account_id, message_id, recipient_no, kind, email)
        SELECT e.account_id, e.message_id, e.no, e.kind, e.email FROM envelope AS e
    ), queued AS (
        INSERT INTO emailgw.queue (account_id, message_id, recipient_no, domain_id, epoch, email, lane, ready,
                                   next_at, size_bytes)
        SELECT e.account_id, e.message_id, e.no, e.domain_id, e.queue_epoch, e.email, emailgw.lane_of(e.domain),
               e.send_at IS NULL OR e.send_at <= now(), coalesce(e.send_at, now()), e.size_bytes
          FROM envelope AS e
    ), told AS (
        INSERT INTO emailgw.event (account_id, domain_id, event_id, type, at, message_id, recipient_no, email)
        SELECT e.account_id, e.domain_id, emailgw.uuid7(now()), 1, now(), e.message_id, e.no, e.email
          FROM envelope AS e
        RETURNING account_id, domain_id, event_id, message_id
    )
    SELECT array_agg(t.account_id) AS account_ids, array_agg(t.domain_id) AS domain_ids, array_agg(1) AS types,
           array_agg(t.event_id) AS event_ids, array_agg(t.message_id) AS message_ids
      INTO v_told FROM told AS t;

    IF v_wants_webhooks THEN
        PERFORM emailgw_api.queue_webhooks(v_told.account_ids, v_told.domain_ids, v_told.types, v_told.event_ids,
                                           v_told.message_ids);
    END IF;
    IF v_limited THEN
        PERFORM emailgw_api.add_usage(t.account_id, sum(t.recipients)::integer)
           FROM unnest(v_taken) AS t WHERE t.limited GROUP BY t.account_id ORDER BY t.account_id;
    END IF;
END
$$;
