-- look_up_mails: what of mails can be decided for each alone, without a write: its
-- key or credential, its From, and whether a recipient is suppressed. For accept, in
-- whose order the rows are.
-- status is that of sender_key or smtp_sender, 13 where that has no row, or 3 or 102
-- (see accept). suppressed is a recipient that is.
CREATE FUNCTION emailgw_api.look_up_mails(p_account_ids bigint[], p_mails emailgw_api.mail[])
RETURNS TABLE (account_id bigint, message_id uuid, idempotency_key bytea, body_hash bytea, endpoint text,
               status integer, domain_id bigint, suppressed text, recipients integer, limited boolean,
               sends_per_hour bigint, sends_per_day bigint, sends_per_month bigint, taken emailgw_api.taken_mail)
LANGUAGE sql STABLE
AS $$
    SELECT p_account_ids[n], m.message_id, m.idempotency_key, m.body_hash, coalesce(m.endpoint, 'email'),
           CASE WHEN k.status IS NULL THEN 13
                WHEN k.status <> 0 THEN k.status
                WHEN m.from_email IS NULL AND k.from_email = '' THEN 3
                WHEN NOT emailgw_api.is_within(m.from_domain, k.domain_name) THEN 3
                WHEN k.unsubscribe_link AND EXISTS (SELECT FROM jsonb_array_elements(m.headers) AS h
                                                     WHERE lower(h ->> 0) LIKE 'list-unsubscribe%') THEN 102
                ELSE 0 END,
           k.domain_id, s.email, cardinality(m.emails), k.limited, k.sends_per_hour, k.sends_per_day,
           k.sends_per_month,
           ROW(n, p_account_ids[n], k.domain_id, k.queue_epoch, k.api_key_id,
               coalesce(m.list_id, k.list_id), coalesce(m.subscriber_id, k.subscriber_id),
               coalesce(m.journey_id, k.journey_id), coalesce(m.action_id, k.action_id),
               cardinality(m.emails), k.limited, 1 = ANY (k.webhook_events), k.smtp_id,
               coalesce(m.from_email, k.from_email), coalesce(m.from_name, k.from_name, ''),
               CASE WHEN m.reply_to = '[]' AND k.reply_to_email <> ''
                    THEN jsonb_build_array(jsonb_build_object('email', k.reply_to_email, 'name', k.reply_to_name))
                    ELSE m.reply_to END)::emailgw_api.taken_mail
      FROM generate_subscripts(p_mails, 1) AS n
     CROSS JOIN LATERAL (SELECT (p_mails[n]).*) AS m
      LEFT JOIN LATERAL (
           SELECT k.*, l.sends_per_hour, l.sends_per_day, l.sends_per_month,
                  coalesce(l.sends_per_hour, l.sends_per_day, l.sends_per_month) IS NOT NULL AS limited
             FROM (SELECT s.status, s.api_key_id, NULL::bigint AS smtp_id, s.domain_id, s.domain_name,
                          s.unsubscribe_link, s.list_id, s.subscriber_id, s.journey_id, s.action_id, s.webhook_events,
                          s.queue_epoch, NULL AS from_email, NULL AS from_name, '' AS reply_to_email,
                          '' AS reply_to_name
                     FROM emailgw_api.sender_key(p_account_ids[n], m.key_hash, 'send') AS s
                    WHERE m.smtp_id IS NULL
                   UNION ALL
                   SELECT s.status, NULL, s.smtp_id, s.domain_id, s.domain_name, false, NULL, NULL, NULL, NULL,
                          s.webhook_events, s.queue_epoch, s.from_email, s.from_name, s.reply_to_email,
                          s.reply_to_name
                     FROM emailgw_api.smtp_sender(p_account_ids[n], m.smtp_id, m.key_hash) AS s
                    WHERE m.smtp_id IS NOT NULL) AS k,
                  emailgw_api.account_limits(p_account_ids[n]) AS l
            LIMIT 1) AS k ON true
      LEFT JOIN LATERAL (
           SELECT e.email
             FROM unnest(m.emails, m.hashes) AS e (email, hashes)
            CROSS JOIN LATERAL emailgw_api.suppressions_of(p_account_ids[n], k.domain_id, e.email, e.hashes)
            LIMIT 1) AS s ON true
     ORDER BY n
$$;
