-- accept_list: takes one mail to a list: a job for the sender, or, with p_mails, all its mails at once.
--   p_job_id   UUIDv7 made by the caller, its last 32 bits 0; the same one again changes nothing and answers the same
--   p_key_hash .. p_attachment_contents  as emailgw_api.mail has them; p_subject, p_html and p_plain are
--              templates, NULL with p_mails, p_data is what fills them beside the subscribers
--   p_attached_bytes  of all attachments
--   p_mails    as store_list_mails takes them, or NULL; p_suppressed and p_failed are how many got none
-- status as of accept, where a suppressed subscriber is no reason to refuse; 16 where the list is gone, 20
-- where it has no subscribers. 17 without retry_seconds: the mails are more than a limit allows in any
-- period, and as a job they would go out over several.
CREATE FUNCTION emailgw_api.accept_list(
    p_account_id bigint, p_job_id uuid, p_key_hash bytea, p_idempotency_key bytea, p_body_hash bytea, p_list_id bigint,
    p_from_email text, p_from_name text, p_from_domain text, p_tags text[], p_track_links boolean,
    p_track_opens boolean, p_send_at timestamptz, p_journey_id bigint, p_action_id bigint, p_reply_to jsonb,
    p_headers jsonb, p_subject text, p_html text, p_plain text, p_data json, p_attachments jsonb,
    p_attachment_contents bytea[], p_attached_bytes integer, p_mails jsonb, p_suppressed integer, p_failed integer,
    OUT status integer, OUT message_id uuid, OUT replayed boolean, OUT detail text, OUT retry_seconds integer,
    OUT recipients integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    c_endpoint CONSTANT text := 'email';
    v_key record;
    v_quota record;
    v_old record;
    v_last bigint;
    v_job list_job;
    v_mails jsonb;
    v_count integer;
BEGIN
    message_id := p_job_id;
    replayed := false;
    SELECT k.*, l.sends_per_hour, l.sends_per_day, l.sends_per_month,
           coalesce(l.sends_per_hour, l.sends_per_day, l.sends_per_month) IS NOT NULL AS limited INTO v_key
      FROM emailgw_api.sender_key(p_account_id, p_key_hash, 'send') AS k, emailgw_api.account_limits(p_account_id) AS l;
    status := CASE WHEN v_key.status IS NULL THEN 13
                   WHEN v_key.status <> 0 THEN v_key.status
                   WHEN NOT emailgw_api.is_within(p_from_domain, v_key.domain_name) THEN 3
                   WHEN v_key.unsubscribe_link AND EXISTS (SELECT FROM jsonb_array_elements(p_headers) AS h
                                                            WHERE lower(h ->> 0) LIKE 'list-unsubscribe%') THEN 102
                   ELSE 0 END;
    IF status <> 0 THEN
        RETURN;
    END IF;
    SELECT j.recipients INTO recipients FROM list_job AS j WHERE j.account_id = p_account_id AND j.job_id = p_job_id;
    IF FOUND THEN
        RETURN; -- sent again after a commit whose answer was lost
    END IF;
    SELECT a.* INTO v_old
      FROM emailgw_api.idempotent_answer(p_account_id, v_key.domain_id, c_endpoint, p_idempotency_key, p_body_hash) AS a;
    IF FOUND THEN
        status := v_old.status;
        message_id := v_old.message_id;
        replayed := true;
        RETURN;
    END IF;

    SELECT l.subscribers INTO recipients
      FROM list AS l WHERE l.account_id = p_account_id AND l.list_id = p_list_id AND l.deleted_at IS NULL;
    status := CASE WHEN NOT FOUND THEN 16 WHEN recipients = 0 THEN 20 ELSE 0 END;
    IF status <> 0 THEN
        RETURN;
    END IF;
    v_mails := emailgw_api.remaining_list_mails(p_account_id, p_list_id, p_mails);
    v_count := coalesce(jsonb_array_length(v_mails), 0);
    IF v_key.limited AND v_count > 0 THEN
        SELECT * INTO v_quota FROM emailgw_api.check_quota(p_account_id, v_count, v_key.sends_per_hour,
                                                           v_key.sends_per_day, v_key.sends_per_month, 0);
        IF v_quota.period IS NOT NULL THEN
            -- It may have gone to the same request, which was faster.
            SELECT a.status, a.message_id, true INTO status, message_id, replayed
              FROM emailgw_api.idempotent_answer(p_account_id, v_key.domain_id, c_endpoint, p_idempotency_key,
                                                 p_body_hash) AS a;
            IF FOUND THEN
                RETURN;
            END IF;
            message_id := p_job_id;
            replayed := false;
            status := 17;
            detail := emailgw_api.quota_detail(v_quota.period, v_quota.allowed, v_quota.ends_at);
            retry_seconds := ceil(extract(epoch FROM v_quota.ends_at - now()));
            RETURN;
        END IF;
    END IF;

    IF p_idempotency_key IS NOT NULL THEN
        INSERT INTO idempotency AS i (account_id, domain_id, endpoint, key_hash, body_hash, message_id)
        VALUES (p_account_id, v_key.domain_id, c_endpoint, p_idempotency_key, p_body_hash, p_job_id)
        ON CONFLICT (account_id, domain_id, endpoint, key_hash) DO UPDATE
           SET body_hash = excluded.body_hash, message_id = excluded.message_id, created_at = now()
         WHERE i.created_at <= now() - emailgw_api.idempotency_window(c_endpoint);
        IF NOT FOUND THEN -- another request with this key was faster
            SELECT a.status, a.message_id, true INTO status, message_id, replayed
              FROM emailgw_api.idempotent_answer(p_account_id, v_key.domain_id, c_endpoint, p_idempotency_key,
                                                 p_body_hash) AS a;
            RETURN;
        END IF;
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    SELECT s.subscriber_id INTO v_last FROM subscriber AS s
     WHERE s.account_id = p_account_id AND s.list_id = p_list_id ORDER BY s.subscriber_id DESC LIMIT 1;
    INSERT INTO list_job AS j (account_id, job_id, domain_id, queue_epoch, api_key_id, list_id, status, direct,
                               from_email, from_name, reply_to, headers, tags, track_links, track_opens, send_at,
                               journey_id, action_id, attached_bytes, subject, html, plain, data, recipients,
                               until_id, passed, suppressed, failed, next_at, waits, finished_at)
    VALUES (p_account_id, p_job_id, v_key.domain_id, v_key.queue_epoch, v_key.api_key_id, p_list_id,
            CASE WHEN p_mails IS NULL THEN 'open' ELSE 'finished' END::list_job_status, p_mails IS NOT NULL,
            p_from_email, p_from_name, p_reply_to, p_headers, p_tags, p_track_links, p_track_opens, p_send_at,
            coalesce(p_journey_id, v_key.journey_id), coalesce(p_action_id, v_key.action_id), p_attached_bytes,
            p_subject, p_html, p_plain, p_data,
            CASE WHEN p_mails IS NULL THEN recipients ELSE v_count + p_suppressed + p_failed END,
            coalesce(v_last, 0), v_count, p_suppressed, p_failed, coalesce(p_send_at, now()),
            CASE WHEN p_mails IS NULL AND p_send_at > now() THEN 'SendAt' END,
            CASE WHEN p_mails IS NOT NULL THEN now() END)
    RETURNING j.* INTO v_job;
    recipients := v_job.recipients;
    PERFORM emailgw_api.store_list_attachments(p_account_id, p_job_id, p_attachments, p_attachment_contents);
    PERFORM emailgw_api.store_list_mails(v_job, v_key.limited, 1 = ANY (v_key.webhook_events), v_mails);
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.accept_list TO emailgw_module;
