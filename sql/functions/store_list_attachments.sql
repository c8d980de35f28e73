-- store_list_attachments: those of a list job, once for all its mails, under the job's own id (get_attachments).
--   p_attachments  as emailgw_api.mail has them, or NULL; contents beside it
CREATE FUNCTION emailgw_api.store_list_attachments(p_account_id bigint, p_job_id uuid, p_attachments jsonb,
                                                   p_contents bytea[])
RETURNS void
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO emailgw.attachment (account_id, message_id, attachment_no, filename, content_type, disposition,
                                    content_id, content)
    SELECT p_account_id, p_job_id, a.no, a.meta ->> 'filename', a.meta ->> 'type', a.meta ->> 'disposition',
           a.meta ->> 'contentid', p_contents[a.no]
      FROM jsonb_array_elements(p_attachments) WITH ORDINALITY AS a (meta, no)
$$;
