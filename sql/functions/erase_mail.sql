-- erase_mail: what is stored of a mail to somebody who is erased. Contents and attachments
-- go, or, while the mail is still to be sent to others, what in them tells of the person;
-- what is written there in a form that only the sender reads is noted for it (erasure_part).
--   p_asked_by, p_erasure_id  whose erasure it is
--   p_spellings  of the address, folded, first as it is stored; p_pattern address_pattern of them
CREATE FUNCTION emailgw_api.erase_mail(p_asked_by bigint, p_erasure_id bigint, p_account_id bigint, p_message_id uuid,
                                       p_spellings text[], p_pattern text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_letters CONSTANT text := emailgw_api.address_letters(p_spellings);
    c_html_letters CONSTANT text := emailgw_api.address_letters(p_spellings, true);
    c_html_pattern CONSTANT text := emailgw_api.address_pattern(p_spellings, true);
    v_alone CONSTANT boolean := NOT EXISTS (
        SELECT FROM emailgw.recipient AS r
         WHERE r.account_id = p_account_id AND r.message_id = p_message_id AND r.email <> emailgw.erased_address());
    v_contents bigint := 0;
    v_attachments bigint := 0;
BEGIN
    UPDATE emailgw.message AS m
       SET subject = CASE WHEN v_alone THEN '' ELSE emailgw_api.erase_found(m.subject, p_pattern) END,
           tags = ARRAY(SELECT t.tag FROM unnest(m.tags) WITH ORDINALITY AS t (tag, n)
                         WHERE t.tag !~* p_pattern ORDER BY t.n),
           subscriber_id = NULL
     WHERE m.account_id = p_account_id AND m.message_id = p_message_id;
    IF EXISTS (SELECT FROM emailgw.queue AS q WHERE q.account_id = p_account_id AND q.message_id = p_message_id) THEN
        UPDATE emailgw.content AS c
           SET mail_to = emailgw_api.erase_in_boxes(c.mail_to, p_spellings, p_pattern),
               mail_cc = emailgw_api.erase_in_boxes(c.mail_cc, p_spellings, p_pattern),
               reply_to = emailgw_api.erase_in_boxes(c.reply_to, p_spellings, p_pattern),
               headers = emailgw_api.erase_in_json(c.headers, p_pattern),
               html = emailgw_api.erase_in_text(c.html, c_html_letters, c_html_pattern),
               plain = emailgw_api.erase_in_text(c.plain, c_letters, p_pattern)
         WHERE c.account_id = p_account_id AND c.message_id = p_message_id;
        UPDATE emailgw.attachment AS a
           SET filename = emailgw_api.erase_found(a.filename, p_pattern),
               content_id = replace(emailgw_api.erase_found(a.content_id, p_pattern), '[erased]', 'erased')
         WHERE a.account_id = p_account_id AND a.message_id = p_message_id
           AND (a.filename ~* p_pattern OR a.content_id ~* p_pattern);
        INSERT INTO emailgw.erasure_part (asked_by, erasure_id, account_id, message_id, part_no)
        SELECT p_asked_by, p_erasure_id, p_account_id, p_message_id, p.part_no
          FROM (SELECT 0::smallint AS part_no FROM emailgw.content AS c
                 WHERE c.account_id = p_account_id AND c.message_id = p_message_id AND c.raw IS NOT NULL
                UNION ALL
                SELECT a.attachment_no FROM emailgw.attachment AS a
                 WHERE a.account_id = p_account_id AND a.message_id = p_message_id AND a.content_type ILIKE 'text/%') AS p
        ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM emailgw.attachment AS a WHERE a.account_id = p_account_id AND a.message_id = p_message_id;
        GET DIAGNOSTICS v_attachments = ROW_COUNT;
        DELETE FROM emailgw.content AS c WHERE c.account_id = p_account_id AND c.message_id = p_message_id;
        GET DIAGNOSTICS v_contents = ROW_COUNT;
    END IF;
    RETURN jsonb_build_object('messages', 1, 'contents', v_contents, 'attachments', v_attachments);
END
$$;
