-- get_contents: what is needed to render messages, one row each; none where the
-- content is gone.
CREATE FUNCTION emailgw_api.get_contents(p_account_ids bigint[], p_message_ids uuid[])
RETURNS TABLE (account_id bigint, message_id uuid, domain text, from_email text, from_name text, subject text,
               mail_to jsonb, mail_cc jsonb, reply_to jsonb, headers jsonb, html text, plain text,
               first_attempt_us bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT m.account_id, m.message_id, d.name, m.from_email, m.from_name, m.subject,
           c.mail_to, c.mail_cc, c.reply_to, c.headers, c.html, c.plain,
           (extract(epoch FROM coalesce((SELECT min(q.first_attempt_at) FROM queue AS q
                                          WHERE q.account_id = m.account_id AND q.message_id = m.message_id),
                                        now())) * 1000000)::bigint
      FROM unnest(p_account_ids, p_message_ids) AS w (account_id, message_id)
      JOIN message AS m ON m.account_id = w.account_id AND m.message_id = w.message_id
      JOIN content AS c ON c.account_id = w.account_id AND c.message_id = w.message_id
      JOIN domain AS d ON d.account_id = m.account_id AND d.domain_id = m.domain_id
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_contents TO emailgw_sender;
