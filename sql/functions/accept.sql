-- accept: takes one mail into the queue, whole or not at all.
--   p_message_id       UUIDv7 made by the caller; the same one again changes nothing and answers the same
--   p_key_hash         SHA-256 of the sender key
--   p_idempotency_key  SHA-256 of the Idempotency-Key, NULL without one; p_body_hash is the body's
--   p_from_domain      domain of From, A-labels
--   p_kinds .. p_domains  the envelope, one element a recipient, each address once
--   p_mail_to, p_mail_cc, p_reply_to, p_headers  as shown to all recipients
--   p_attachments      [{"filename", "type", "disposition", "contentid"}], contents beside it
-- status is 0 when it is in the queue, else the code of the API reference (see
-- sender_key; 14, 17), 409 for an idempotency key with another body, or, for the
-- caller to say in full, 3 for a From outside the domain and 102 for
-- List-Unsubscribe headers of a domain whose unsubscribe link is on.
-- detail is what the message needs: the address for 14, the limit for 17, which
-- ends in retry_seconds. In the queue means on disk: a role or database that has
-- synchronous_commit off does not change that.
-- Refusals come before the first write, and never as an exception: other mails
-- of the same transaction must not suffer.
CREATE FUNCTION emailgw_api.accept(
    p_account_id bigint, p_message_id uuid, p_key_hash bytea, p_idempotency_key bytea, p_body_hash bytea,
    p_from_email text, p_from_name text, p_from_domain text, p_subject text, p_tags text[],
    p_track_links boolean, p_track_opens boolean, p_send_at timestamptz,
    p_list_id bigint, p_subscriber_id bigint, p_journey_id bigint, p_action_id bigint,
    p_kinds text[], p_emails text[], p_domains text[],
    p_mail_to jsonb, p_mail_cc jsonb, p_reply_to jsonb, p_headers jsonb, p_html text, p_plain text,
    p_attachments jsonb, p_attachment_contents bytea[], p_size_bytes integer,
    OUT status integer, OUT message_id uuid, OUT replayed boolean, OUT detail text,
    OUT retry_seconds integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    c_endpoint CONSTANT text := 'email';
    v_key record;
    v_limited boolean;
    v_quota record;
    v_old record;
    v_events uuid[];
BEGIN
    message_id := p_message_id;
    replayed := false;

    <<decide>>
    BEGIN
        SELECT * INTO v_key
          FROM emailgw_api.sender_key(p_account_id, p_key_hash, 'send') AS k,
               emailgw_api.account_limits(p_account_id) AS l;
        status := CASE WHEN NOT FOUND THEN 13
                       WHEN v_key.status <> 0 THEN v_key.status
                       WHEN NOT emailgw_api.is_within(p_from_domain, v_key.domain_name) THEN 3
                       ELSE 0 END;
        IF status = 0 AND v_key.unsubscribe_link THEN
            IF EXISTS (SELECT FROM jsonb_array_elements(p_headers) AS h
                        WHERE lower(h ->> 0) LIKE 'list-unsubscribe%') THEN
                status := 102;
            END IF;
        END IF;
        EXIT decide WHEN status <> 0;

        IF p_idempotency_key IS NOT NULL THEN
            SELECT * INTO v_old
              FROM emailgw_api.idempotent_answer(p_account_id, v_key.domain_id, c_endpoint, p_idempotency_key,
                                                 p_body_hash);
            IF FOUND THEN
                status := v_old.status;
                message_id := v_old.message_id;
                replayed := v_old.message_id <> p_message_id;
                RETURN;
            END IF;
        END IF;

        SELECT e.email INTO detail
          FROM unnest(p_emails) AS e (email)
          JOIN suppression AS s ON s.account_id = p_account_id AND s.address = fold_address(e.email)
                               AND s.domain_id IN (0, v_key.domain_id)
         LIMIT 1;
        IF FOUND THEN
            status := 14;
            EXIT decide;
        END IF;

        v_limited := coalesce(v_key.sends_per_hour, v_key.sends_per_day, v_key.sends_per_month) IS NOT NULL;
        IF v_limited THEN
            SELECT * INTO v_quota
              FROM emailgw_api.check_quota(p_account_id, cardinality(p_emails), v_key.sends_per_hour,
                                           v_key.sends_per_day, v_key.sends_per_month);
            IF v_quota.period IS NOT NULL THEN
                status := 17;
                detail := format('%s emails per %s, until %s UTC', v_quota.allowed, v_quota.period,
                                 to_char(v_quota.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'));
                retry_seconds := ceil(extract(epoch FROM v_quota.ends_at - now()));
            END IF;
        END IF;
    END;
    IF status <> 0 THEN
        -- Sent again after a commit whose answer was lost: it is in the queue already.
        IF EXISTS (SELECT FROM message AS m
                    WHERE m.account_id = p_account_id AND m.message_id = p_message_id) THEN
            status := 0;
            detail := NULL;
            retry_seconds := NULL;
        ELSIF status = 17 AND p_idempotency_key IS NOT NULL THEN
            -- The quota may have gone to the same request, which was faster.
            SELECT * INTO v_old
              FROM emailgw_api.idempotent_answer(p_account_id, v_key.domain_id, c_endpoint, p_idempotency_key,
                                                 p_body_hash);
            IF FOUND THEN
                status := v_old.status;
                message_id := v_old.message_id;
                replayed := v_old.message_id <> p_message_id;
                detail := NULL;
            END IF;
        END IF;
        RETURN;
    END IF;

    IF p_idempotency_key IS NOT NULL THEN
        INSERT INTO idempotency AS i (account_id, domain_id, endpoint, key_hash, body_hash, message_id)
        VALUES (p_account_id, v_key.domain_id, c_endpoint, p_idempotency_key, p_body_hash, p_message_id)
        ON CONFLICT (account_id, domain_id, endpoint, key_hash) DO UPDATE
           SET body_hash = excluded.body_hash, message_id = excluded.message_id, created_at = now()
         WHERE i.created_at <= now() - interval '24 hours';
        IF NOT FOUND THEN -- another request with this key was faster
            SELECT * INTO v_old
              FROM emailgw_api.idempotent_answer(p_account_id, v_key.domain_id, c_endpoint, p_idempotency_key,
                                                 p_body_hash);
            status := v_old.status;
            message_id := v_old.message_id;
            replayed := v_old.message_id <> p_message_id;
            RETURN;
        END IF;
    END IF;

    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    INSERT INTO message (account_id, message_id, domain_id, api_key_id, from_email, from_name, subject, tags,
                         track_links, track_opens, send_at, list_id, subscriber_id, journey_id, action_id, size_bytes)
    VALUES (p_account_id, p_message_id, v_key.domain_id, v_key.api_key_id, p_from_email, p_from_name, p_subject,
            p_tags, p_track_links, p_track_opens, p_send_at,
            coalesce(p_list_id, v_key.list_id), coalesce(p_subscriber_id, v_key.subscriber_id),
            coalesce(p_journey_id, v_key.journey_id), coalesce(p_action_id, v_key.action_id), p_size_bytes)
    ON CONFLICT (account_id, message_id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN; -- this very call has been committed before
    END IF;

    INSERT INTO content (account_id, message_id, mail_to, mail_cc, reply_to, headers, html, plain)
    VALUES (p_account_id, p_message_id, p_mail_to, p_mail_cc, p_reply_to, p_headers, p_html, p_plain);

    IF p_attachments IS NOT NULL THEN
        INSERT INTO attachment (account_id, message_id, attachment_no, filename, content_type, disposition,
                                content_id, content)
        SELECT p_account_id, p_message_id, a.no, a.meta ->> 'filename', a.meta ->> 'type', a.meta ->> 'disposition',
               a.meta ->> 'contentid', p_attachment_contents[a.no]
          FROM jsonb_array_elements(p_attachments) WITH ORDINALITY AS a (meta, no);
    END IF;

    WITH envelope AS (
        SELECT e.no::smallint AS no, e.kind::recipient_kind AS kind, e.email, e.domain
          FROM unnest(p_kinds, p_emails, p_domains) WITH ORDINALITY AS e (kind, email, domain, no)
    ), recipients AS (
        INSERT INTO recipient (account_id, message_id, recipient_no, kind, email)
        SELECT p_account_id, p_message_id, e.no, e.kind, e.email FROM envelope AS e
    ), queued AS (
        INSERT INTO queue (account_id, message_id, recipient_no, domain_id, epoch, email, lane, ready, next_at,
                           size_bytes)
        SELECT p_account_id, p_message_id, e.no, v_key.domain_id, v_key.queue_epoch, e.email, hashtext(e.domain),
               p_send_at IS NULL OR p_send_at <= now(), coalesce(p_send_at, now()), p_size_bytes
          FROM envelope AS e
    ), told AS (
        INSERT INTO event (account_id, domain_id, event_id, type, at, message_id, recipient_no, email)
        SELECT p_account_id, v_key.domain_id, uuid7(now()), 1, now(), p_message_id, e.no, e.email
          FROM envelope AS e
        RETURNING event_id
    )
    SELECT array_agg(t.event_id) INTO v_events FROM told AS t;

    IF 1 = ANY (v_key.webhook_events) THEN
        PERFORM emailgw_api.queue_webhooks(array_agg(p_account_id), array_agg(v_key.domain_id), array_agg(1),
                                           array_agg(e.event_id), array_agg(p_message_id))
           FROM unnest(v_events) AS e (event_id);
    END IF;

    IF v_limited THEN
        PERFORM emailgw_api.add_usage(p_account_id, cardinality(p_emails));
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.accept TO emailgw_module;
