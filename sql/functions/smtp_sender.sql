-- smtp_sender: what an SMTP credential stands for, and whether it may be used now.
--   p_password_hash  SHA-256 of the password
-- status is 0 or as sender_state. No row is a wrong id or password, which callers take
-- for 13. The hash is of 192 random bits, so what the time of comparing it tells of its
-- first bytes is of no use to anybody. Inlined into the functions that use it.
CREATE FUNCTION emailgw_api.smtp_sender(p_account_id bigint, p_smtp_id bigint, p_password_hash bytea)
RETURNS TABLE (status integer, smtp_id bigint, domain_id bigint, domain_name text, from_email text, from_name text,
               reply_to_email text, reply_to_name text, webhook_events smallint[], queue_epoch integer)
LANGUAGE sql STABLE
AS $$
    SELECT emailgw_api.sender_state(d.deleted_at, d.status, a.status, true),
           s.smtp_id, d.domain_id, d.name, s.from_email, s.from_name, s.reply_to_email, s.reply_to_name,
           d.webhook_events, d.queue_epoch
      FROM emailgw.smtp_credential AS s
      JOIN emailgw.domain AS d ON d.account_id = s.account_id AND d.domain_id = s.domain_id
      JOIN emailgw.account AS a ON a.account_id = s.account_id
     WHERE s.account_id = p_account_id AND s.smtp_id = p_smtp_id AND s.password_hash = p_password_hash
       AND s.deleted_at IS NULL
$$;
