-- erase_mail: what is stored of a mail to somebody who is erased. Contents and attachments
-- go, or, while the mail is still to be sent to others, what in them tells of the person.
--   p_pattern  address_pattern of the person's address
CREATE FUNCTION emailgw_api.erase_mail(p_account_id bigint, p_message_id uuid, p_pattern text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_alone CONSTANT boolean := NOT EXISTS (
        SELECT FROM emailgw.recipient AS r
         WHERE r.account_id = p_account_id AND r.message_id = p_message_id AND r.email <> emailgw.erased_address());
    v_contents bigint := 0;
    v_attachments bigint := 0;
BEGIN
    UPDATE emailgw.message AS m
       SET subject = CASE WHEN v_alone THEN '' ELSE regexp_replace(m.subject, p_pattern, '[erased]', 'gi') END,
           tags = ARRAY(SELECT t.tag FROM unnest(m.tags) WITH ORDINALITY AS t (tag, n)
                         WHERE t.tag !~* p_pattern ORDER BY t.n),
           subscriber_id = NULL
     WHERE m.account_id = p_account_id AND m.message_id = p_message_id;
    IF EXISTS (SELECT FROM emailgw.queue AS q WHERE q.account_id = p_account_id AND q.message_id = p_message_id) THEN
        UPDATE emailgw.content AS c
           SET mail_to = (SELECT coalesce(jsonb_agg(t.value), '[]') FROM jsonb_array_elements(c.mail_to) AS t
                           WHERE t.value ->> 'email' !~* p_pattern),
               mail_cc = (SELECT coalesce(jsonb_agg(t.value), '[]') FROM jsonb_array_elements(c.mail_cc) AS t
                           WHERE t.value ->> 'email' !~* p_pattern),
               reply_to = emailgw_api.erase_in_json(c.reply_to, p_pattern),
               headers = emailgw_api.erase_in_json(c.headers, p_pattern),
               html = regexp_replace(c.html, p_pattern, '[erased]', 'gi'),
               plain = regexp_replace(c.plain, p_pattern, '[erased]', 'gi'),
               raw = convert_to(regexp_replace(convert_from(c.raw, 'LATIN1'), p_pattern, '[erased]', 'gi'), 'LATIN1')
         WHERE c.account_id = p_account_id AND c.message_id = p_message_id;
    ELSE
        DELETE FROM emailgw.attachment AS a WHERE a.account_id = p_account_id AND a.message_id = p_message_id;
        GET DIAGNOSTICS v_attachments = ROW_COUNT;
        DELETE FROM emailgw.content AS c WHERE c.account_id = p_account_id AND c.message_id = p_message_id;
        GET DIAGNOSTICS v_contents = ROW_COUNT;
    END IF;
    RETURN jsonb_build_object('messages', 1, 'contents', v_contents, 'attachments', v_attachments);
END
$$;
