-- mail: what accept takes into the queue.
--   message_id           UUIDv7 made by the caller; the same one again changes nothing and answers the same
--   key_hash             SHA-256 of the sender key
--   idempotency_key      SHA-256 of the Idempotency-Key, NULL without one; body_hash is the body's
--   from_domain          domain of From, A-labels
--   kinds .. domains     the envelope, one element a recipient, each address once
--   mail_to .. headers   as shown to all recipients
--   attachments          [{"filename", "type", "disposition", "contentid"}], contents beside it
--   smtp_id              the credential it was handed in with; NULL where key_hash is a key's.
--                        key_hash is the password's then, and from_* is NULL and reply_to '[]'
--                        for a mail that has none: the credential's own are taken
--   endpoint             whose idempotency key it is: email, smtp, smtp content
--   raw                  the message as it was handed in, or NULL
--   hashes               of emails, as in suppressions_of; NULL: addresses that were erased are not looked for
CREATE TYPE emailgw_api.mail AS (
    message_id uuid, key_hash bytea, idempotency_key bytea, body_hash bytea,
    from_email text, from_name text, from_domain text, subject text, tags text[],
    track_links boolean, track_opens boolean, send_at timestamptz,
    list_id bigint, subscriber_id bigint, journey_id bigint, action_id bigint,
    kinds text[], emails text[], domains text[],
    mail_to jsonb, mail_cc jsonb, reply_to jsonb, headers jsonb, html text, plain text,
    attachments jsonb, attachment_contents bytea[], size_bytes integer, smtp_id bigint, endpoint text, raw bytea,
    hashes text[]);

-- taken_mail: what a mail that is taken, number mail_no of its call, has of its key
-- or credential.
CREATE TYPE emailgw_api.taken_mail AS (
    mail_no integer, account_id bigint, domain_id bigint, queue_epoch integer, api_key_id bigint,
    list_id bigint, subscriber_id bigint, journey_id bigint, action_id bigint,
    recipients integer, limited boolean, wants_webhooks boolean, smtp_id bigint, from_email text, from_name text,
    reply_to jsonb);

-- accept: takes mails into the queue, each whole or not at all.
--   p_account_ids  one element a mail
-- One row a mail, in their order; for_id is the message_id that it came with.
-- status is 0 when it is in the queue, else the code of the API reference (see
-- look_up_mails; 14, 17), 409 for an idempotency key with another body, or, for the
-- caller to say in full, 3 for a From outside the domain or none at all and 102 for
-- List-Unsubscribe headers of a domain whose unsubscribe link is on.
-- detail is what the message needs: the address for 14, the limit for 17, which
-- ends in retry_seconds; they are NULL where the mail is too much for any period.
-- In the queue means on disk: a role or database that has synchronous_commit off does
-- not change that.
-- Each is decided in its turn, and those that are taken are stored together. A
-- refusal comes before the mail's first write, and never as an exception: the
-- others must not suffer. Plans are generic, since one of its own for each call would
-- hold the mails once for each place where a statement names them.
CREATE FUNCTION emailgw_api.accept(p_account_ids bigint[], p_mails emailgw_api.mail[])
RETURNS TABLE (for_id uuid, status integer, message_id uuid, replayed boolean, detail text, retry_seconds integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_mail record;
    v_quota record;
    v_widest_of bigint; -- account of v_widest: those of one account come together
    v_widest integer; -- most recipients of a mail of it
    v_old_status integer;
    v_old_id uuid; -- the mail that has its idempotency key
    v_late boolean; -- another request may have taken that key since it was looked for
    v_taken emailgw_api.taken_mail[] := '{}';
BEGIN
    FOR v_mail IN SELECT * FROM emailgw_api.look_up_mails(p_account_ids, p_mails) LOOP
        for_id := v_mail.message_id;
        message_id := for_id;
        status := v_mail.status;
        detail := NULL;
        retry_seconds := NULL;
        v_old_id := NULL;
        v_late := false;

        <<decide>>
        BEGIN
            EXIT decide WHEN status <> 0;
            IF v_mail.idempotency_key IS NOT NULL THEN
                SELECT a.status, a.message_id INTO v_old_status, v_old_id
                  FROM emailgw_api.idempotent_answer(v_mail.account_id, v_mail.domain_id, v_mail.endpoint,
                                                     v_mail.idempotency_key, v_mail.body_hash) AS a;
                EXIT decide WHEN FOUND;
            END IF;

            IF v_mail.suppressed IS NOT NULL THEN
                status := 14;
                detail := v_mail.suppressed;
                EXIT decide;
            END IF;

            IF v_mail.limited THEN
                IF v_widest_of IS DISTINCT FROM v_mail.account_id THEN
                    v_widest_of := v_mail.account_id;
                    v_widest := (SELECT max(cardinality(p_mails[n].emails)) FROM generate_subscripts(p_mails, 1) AS n
                                  WHERE p_account_ids[n] = v_widest_of);
                END IF;
                SELECT * INTO v_quota
                  FROM emailgw_api.check_quota(v_mail.account_id, v_mail.recipients,
                       v_mail.sends_per_hour, v_mail.sends_per_day, v_mail.sends_per_month,
                       (SELECT coalesce(sum(t.recipients), 0)::integer FROM unnest(v_taken) AS t
                         WHERE t.account_id = v_mail.account_id), v_widest);
                IF v_quota.period IS NOT NULL THEN
                    status := 17;
                    detail := emailgw_api.quota_detail(v_quota.period, v_quota.allowed, v_quota.ends_at);
                    retry_seconds := ceil(extract(epoch FROM v_quota.ends_at - now()));
                    v_late := true; -- the quota may have gone to the same request, which was faster
                    EXIT decide;
                END IF;
            END IF;

            IF v_mail.idempotency_key IS NOT NULL THEN
                INSERT INTO idempotency AS i (account_id, domain_id, endpoint, key_hash, body_hash, message_id)
                VALUES (v_mail.account_id, v_mail.domain_id, v_mail.endpoint, v_mail.idempotency_key, v_mail.body_hash,
                        for_id)
                ON CONFLICT (account_id, domain_id, endpoint, key_hash) DO UPDATE
                   SET body_hash = excluded.body_hash, message_id = excluded.message_id, created_at = now()
                 WHERE i.created_at <= now() - emailgw_api.idempotency_window(i.endpoint);
                v_late := NOT FOUND; -- another request with this key was faster
                EXIT decide WHEN v_late;
            END IF;
            v_taken := v_taken || v_mail.taken;
        END;

        IF v_late AND v_mail.idempotency_key IS NOT NULL THEN
            SELECT a.status, a.message_id INTO v_old_status, v_old_id
              FROM emailgw_api.idempotent_answer(v_mail.account_id, v_mail.domain_id, v_mail.endpoint,
                                                 v_mail.idempotency_key, v_mail.body_hash) AS a;
        END IF;
        IF v_old_id IS NOT NULL THEN
            status := v_old_status;
            message_id := v_old_id;
        ELSIF status <> 0 THEN
            -- Sent again after a commit whose answer was lost: it is in the queue already.
            IF EXISTS (SELECT FROM message AS m
                        WHERE m.account_id = v_mail.account_id AND m.message_id = v_mail.message_id) THEN
                status := 0;
            END IF;
        END IF;
        IF status NOT IN (14, 17) THEN
            detail := NULL;
            retry_seconds := NULL;
        END IF;
        replayed := message_id <> for_id;
        RETURN NEXT;
    END LOOP;

    IF cardinality(v_taken) > 0 THEN
        PERFORM emailgw_api.store_mails(p_mails, v_taken);
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.accept TO emailgw_module;
