-- put_erasure_part: what next_erasure_part gave is looked through, and takes the place of
-- what it was, unless another erasure has changed that meanwhile: then it comes again.
--   p_before   SHA-256 of what it was
--   p_content  NULL: nothing was in it
CREATE FUNCTION emailgw_api.put_erasure_part(p_asked_by bigint, p_erasure_id bigint, p_account_id bigint,
                                             p_message_id uuid, p_part_no integer, p_before bytea, p_content bytea)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    v_changed bigint := 0;
BEGIN
    PERFORM FROM erasure AS e -- before what is in the mail, as erase_step has them
      WHERE e.account_id = p_asked_by AND e.erasure_id = p_erasure_id FOR UPDATE;
    IF p_content IS NOT NULL AND p_part_no = 0 THEN
        UPDATE content AS c SET raw = p_content
         WHERE c.account_id = p_account_id AND c.message_id = p_message_id AND sha256(c.raw) = p_before;
        GET DIAGNOSTICS v_changed = ROW_COUNT;
    ELSIF p_content IS NOT NULL THEN
        UPDATE attachment AS a SET content = p_content
         WHERE a.account_id = p_account_id AND a.message_id = p_message_id AND a.attachment_no = p_part_no
           AND sha256(a.content) = p_before;
        GET DIAGNOSTICS v_changed = ROW_COUNT;
    END IF;
    IF v_changed > 0 OR p_content IS NULL THEN
        DELETE FROM erasure_part AS p
         WHERE p.asked_by = p_asked_by AND p.erasure_id = p_erasure_id AND p.account_id = p_account_id
           AND p.message_id = p_message_id AND p.part_no = p_part_no;
    END IF;
    IF v_changed > 0 THEN
        UPDATE erasure AS e SET counts = emailgw_api.add_counts(e.counts, '{"parts": 1}')
         WHERE e.account_id = p_asked_by AND e.erasure_id = p_erasure_id;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.put_erasure_part TO emailgw_sender;
