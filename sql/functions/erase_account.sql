-- erase_account: the parts of an account that are no events and no mails of somebody
-- who is erased, when all of those have been walked through: here belongs what else keeps
-- people's addresses. Digests that tell of the person are made anew from the events. NULL, and
-- nothing is done, while housekeeping is at the same.
--   p_spellings  of the address, folded, first as it is stored
--   p_pattern    address_pattern of them; its letters are looked for first, which is faster
CREATE FUNCTION emailgw_api.erase_account(p_account_id bigint, p_spellings text[], p_pattern text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_letters CONSTANT text := emailgw_api.address_letters(p_spellings);
    c_folded CONSTANT text[] := ARRAY(SELECT emailgw_api.fold_text(s) FROM unnest(p_spellings) AS s); -- as digests have it
    c_either CONSTANT text[] := ARRAY(SELECT DISTINCT unnest(p_spellings || c_folded));
    c_digest_letters CONSTANT text := emailgw_api.address_letters(c_either);
    c_digest_pattern CONSTANT text := emailgw_api.address_pattern(c_either);
    v_tags bigint;
    v_closed bigint;
    v_replies bigint;
    v_keys bigint;
    v_returned bigint;
    v_digests bigint;
BEGIN
    -- First, and not waited for: housekeeping may take long, and what this step has changed is locked meanwhile.
    -- Nor may a digest be made of what there was.
    IF NOT pg_try_advisory_xact_lock(hashtext('emailgw housekeeping')) THEN
        RETURN NULL;
    END IF;
    WITH gone AS (
        DELETE FROM emailgw.digest AS d
         WHERE d.account_id = p_account_id
           AND EXISTS (SELECT FROM emailgw.digest_texts AS t
                        WHERE t.account_id = d.account_id AND t.domain_id = d.domain_id AND t.day = d.day
                          AND (position(c_folded[1] IN t.emails) > 0
                               OR t.subjects ~* c_digest_letters AND t.subjects ~* c_digest_pattern
                               OR t.others ~* c_digest_letters AND t.others ~* c_digest_pattern))
        RETURNING d.day
    ), open_again AS (
        DELETE FROM emailgw.digest_day AS d USING (SELECT DISTINCT g.day FROM gone AS g) AS g WHERE d.day = g.day
    )
    SELECT count(*) INTO v_digests FROM gone;

    DELETE FROM emailgw.daily_count AS c WHERE c.account_id = p_account_id AND c.tag <> '' AND c.tag ~* p_pattern;
    GET DIAGNOSTICS v_tags = ROW_COUNT;
    DELETE FROM emailgw.closed_count AS c WHERE c.account_id = p_account_id AND c.tag <> '' AND c.tag ~* p_pattern;
    GET DIAGNOSTICS v_closed = ROW_COUNT;

    UPDATE emailgw.suppression AS s SET reply = emailgw_api.erase_found(s.reply, p_pattern)
     WHERE s.account_id = p_account_id AND s.reply ~* c_letters AND s.reply ~* p_pattern;
    GET DIAGNOSTICS v_replies = ROW_COUNT;

    DELETE FROM emailgw.idempotency AS i
     WHERE i.account_id = p_account_id
       AND (i.answer ~* c_letters AND i.answer ~* p_pattern
            OR EXISTS (SELECT FROM emailgw.recipient AS r
                        WHERE r.account_id = i.account_id AND r.message_id = i.message_id
                          AND r.email = emailgw.erased_address()));
    GET DIAGNOSTICS v_keys = ROW_COUNT;

    DELETE FROM emailgw.returned_queue AS q
     WHERE q.account_id = p_account_id
       AND (encode(q.mail, 'escape') ~* c_letters AND encode(q.mail, 'escape') ~* p_pattern
            OR EXISTS (SELECT FROM emailgw.recipient AS r -- whatever it says, and in whatever encoding
                        WHERE r.account_id = q.account_id AND r.message_id = q.message_id
                          AND r.recipient_no = q.recipient_no AND r.email = emailgw.erased_address()));
    GET DIAGNOSTICS v_returned = ROW_COUNT;

    RETURN jsonb_build_object('tag_counts', v_tags + v_closed, 'mentions', v_replies, 'idempotency_keys', v_keys,
                              'returned_mails', v_returned, 'digests', v_digests);
END
$$;
