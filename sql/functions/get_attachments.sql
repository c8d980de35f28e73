-- get_attachments: the attachments of messages, in their order.
CREATE FUNCTION emailgw_api.get_attachments(p_account_ids bigint[], p_message_ids uuid[])
RETURNS TABLE (account_id bigint, message_id uuid, attachment_no integer, filename text, content_type text,
               disposition text, content_id text, content bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT a.account_id, a.message_id, a.attachment_no::integer, a.filename, a.content_type, a.disposition,
           a.content_id, a.content
      FROM unnest(p_account_ids, p_message_ids) AS w (account_id, message_id)
      JOIN attachment AS a ON a.account_id = w.account_id AND a.message_id = w.message_id
     ORDER BY a.account_id, a.message_id, a.attachment_no
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_attachments TO emailgw_sender;
