-- next_erasure_part: a part of a mail in which the sender is to look for whom an erasure
-- is of (erasure_part): as it is stored; no row where there is none. Those of mails that
-- are gone meanwhile are forgotten.
--   part_no  of an attachment, of media type content_type; 0: the mail as it was handed in
CREATE FUNCTION emailgw_api.next_erasure_part(p_asked_by bigint, p_erasure_id bigint)
RETURNS TABLE (account_id bigint, message_id uuid, part_no integer, content_type text, content bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    v_part record;
BEGIN
    FOR v_part IN
        SELECT p.account_id, p.message_id, p.part_no FROM erasure_part AS p
         WHERE p.asked_by = p_asked_by AND p.erasure_id = p_erasure_id
         ORDER BY p.account_id, p.message_id, p.part_no
    LOOP
        RETURN QUERY
            SELECT c.account_id, c.message_id, 0, NULL, c.raw FROM content AS c
             WHERE v_part.part_no = 0 AND c.account_id = v_part.account_id AND c.message_id = v_part.message_id
               AND c.raw IS NOT NULL
            UNION ALL
            SELECT a.account_id, a.message_id, a.attachment_no::integer, a.content_type, a.content FROM attachment AS a
             WHERE a.account_id = v_part.account_id AND a.message_id = v_part.message_id
               AND a.attachment_no = v_part.part_no;
        EXIT WHEN FOUND;
        DELETE FROM erasure_part AS p
         WHERE p.asked_by = p_asked_by AND p.erasure_id = p_erasure_id AND p.account_id = v_part.account_id
           AND p.message_id = v_part.message_id AND p.part_no = v_part.part_no;
    END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.next_erasure_part TO emailgw_sender;
