-- get_attachments: the attachments of messages, in their order; looked up like get_contents. Those of a mail
-- to a list are kept under the job's id (list_mail_id), which is in the same partition.
CREATE FUNCTION emailgw_api.get_attachments(p_account_ids bigint[], p_message_ids uuid[])
RETURNS TABLE (account_id bigint, message_id uuid, attachment_no integer, filename text, content_type text,
               disposition text, content_id text, content bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_low CONSTANT uuid := (SELECT emailgw_api.list_mail_id(i.id, 0) FROM unnest(p_message_ids) AS i (id) ORDER BY i.id LIMIT 1);
    v_high CONSTANT uuid := (SELECT i.id FROM unnest(p_message_ids) AS i (id) ORDER BY i.id DESC LIMIT 1);
BEGIN
    RETURN QUERY
    SELECT w.account_id, w.message_id, a.attachment_no::integer, a.filename, a.content_type, a.disposition,
           a.content_id, a.content
      FROM unnest(p_account_ids, p_message_ids) AS w (account_id, message_id)
     CROSS JOIN LATERAL (SELECT * FROM attachment AS l
                          WHERE l.account_id = w.account_id
                            AND l.message_id IN (w.message_id, emailgw_api.list_mail_id(w.message_id, 0))
                            AND l.message_id BETWEEN v_low AND v_high OFFSET 0) AS a
     ORDER BY w.account_id, w.message_id, a.attachment_no;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_attachments TO emailgw_sender;
