-- get_attachments: the attachments of messages, in their order; looked up like get_contents.
CREATE FUNCTION emailgw_api.get_attachments(p_account_ids bigint[], p_message_ids uuid[])
RETURNS TABLE (account_id bigint, message_id uuid, attachment_no integer, filename text, content_type text,
               disposition text, content_id text, content bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT w.account_id, w.message_id, a.attachment_no::integer, a.filename, a.content_type, a.disposition,
           a.content_id, a.content
      FROM unnest(p_account_ids, p_message_ids) AS w (account_id, message_id)
     CROSS JOIN LATERAL (SELECT * FROM attachment AS l
                          WHERE l.account_id = w.account_id AND l.message_id = w.message_id OFFSET 0) AS a
     ORDER BY w.account_id, w.message_id, a.attachment_no
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_attachments TO emailgw_sender;
