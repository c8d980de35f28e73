-- store_list_mails: some mails of a list job into the queue, each with its one recipient.
--   p_mails  [{"no", "subscriber_id", "email", "name", "subject", "html", "plain", "size"}], numbers as list_mail_id takes them
-- They are queued in the job's epoch: what cut the queue off since it was accepted holds for them, too.
CREATE FUNCTION emailgw_api.store_list_mails(p_job emailgw.list_job, p_limited boolean, p_wants_webhooks boolean,
                                             p_mails jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_row record;
    v_mail emailgw_api.mail;
    v_taken emailgw_api.taken_mail;
    v_mails emailgw_api.mail[] := '{}';
    v_all_taken emailgw_api.taken_mail[] := '{}';
    v_count integer := 0;
BEGIN
    v_mail.tags := p_job.tags;
    v_mail.track_links := p_job.track_links;
    v_mail.track_opens := p_job.track_opens;
    v_mail.send_at := p_job.send_at;
    v_mail.kinds := '{to}';
    v_mail.mail_cc := '[]';
    v_mail.headers := p_job.headers;
    v_taken.account_id := p_job.account_id;
    v_taken.domain_id := p_job.domain_id;
    v_taken.queue_epoch := p_job.queue_epoch;
    v_taken.api_key_id := p_job.api_key_id;
    v_taken.from_email := p_job.from_email;
    v_taken.from_name := p_job.from_name;
    v_taken.reply_to := p_job.reply_to;
    v_taken.list_id := p_job.list_id;
    v_taken.journey_id := p_job.journey_id;
    v_taken.action_id := p_job.action_id;
    v_taken.recipients := 1;
    v_taken.limited := p_limited;
    v_taken.wants_webhooks := p_wants_webhooks;
    FOR v_row IN
        SELECT m.* FROM jsonb_to_recordset(p_mails)
               AS m (no bigint, subscriber_id bigint, email text, name text, subject text, html text, plain text, size integer)
    LOOP
        v_count := v_count + 1;
        v_mail.message_id := emailgw_api.list_mail_id(p_job.job_id, v_row.no);
        v_mail.subject := v_row.subject;
        v_mail.html := v_row.html;
        v_mail.plain := v_row.plain;
        v_mail.size_bytes := v_row.size;
        v_mail.emails := ARRAY[v_row.email];
        v_mail.domains := ARRAY[split_part(v_row.email, '@', -1)];
        v_mail.mail_to := jsonb_build_array(jsonb_build_object('email', v_row.email, 'name', v_row.name));
        v_mails[v_count] := v_mail;
        v_taken.mail_no := v_count;
        v_taken.subscriber_id := v_row.subscriber_id;
        v_all_taken[v_count] := v_taken;
    END LOOP;
    IF v_count > 0 THEN
        PERFORM emailgw_api.store_mails(v_mails, v_all_taken);
    END IF;
END
$$;
