-- erase_events: the next p_limit events of an account behind p_domain_id, p_event_id:
-- somebody's own are emptied, and their mails with them; those that mention the person are
-- mended. read is how many there were, last_domain_id and last_event_id the end of them; more says
-- that there may be others: after p_limit of them, behind p_until, since a mail may be large, and after
-- a mail that was cancelled, which comes again (erase_recipient).
--   p_asked_by, p_erasure_id  whose erasure it is
--   p_spellings  of the address, folded, first as it is stored
--   p_pattern    address_pattern of them
--   waiting    some mail has to be looked at again: see erase_recipient
CREATE FUNCTION emailgw_api.erase_events(p_asked_by bigint, p_erasure_id bigint, p_account_id bigint,
                                         p_domain_id bigint, p_event_id uuid, p_spellings text[], p_pattern text,
                                         p_limit integer, p_until timestamptz, OUT read integer, OUT last_domain_id bigint,
                                         OUT last_event_id uuid, OUT more boolean, OUT waiting boolean,
                                         OUT counts jsonb)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    c_letters CONSTANT text := emailgw_api.address_letters(p_spellings);
    v_event record;
    v_mail record;
    v_mentions integer := 0;
BEGIN
    read := 0;
    more := false;
    last_domain_id := p_domain_id;
    last_event_id := p_event_id;
    waiting := false;
    counts := '{}';
    FOR v_event IN
        SELECT e.domain_id, e.event_id, e.message_id, e.recipient_no, e.detail,
               emailgw.fold_address(e.email) = p_spellings[1] AS own, CASE WHEN e.detail::text ~* c_letters THEN e.detail::text ~* p_pattern
                    ELSE false END AS mentioned
          FROM emailgw.event AS e
         WHERE e.account_id = p_account_id AND (e.domain_id, e.event_id) > (p_domain_id, p_event_id)
         ORDER BY e.domain_id, e.event_id
         LIMIT p_limit
    LOOP
        read := read + 1;
        IF v_event.own THEN
            SELECT * INTO v_mail
              FROM emailgw_api.erase_recipient(p_asked_by, p_erasure_id, p_account_id, v_event.message_id,
                                               v_event.recipient_no, p_spellings, p_pattern);
            counts := emailgw_api.add_counts(counts, v_mail.counts);
            waiting := waiting OR v_mail.waiting;
            more := v_mail.cancelled;
            EXIT WHEN more;
            IF NOT v_mail.waiting THEN -- one that came late, or whose mail is no longer stored
                UPDATE emailgw.event AS e
                   SET email = emailgw.erased_address(), detail = emailgw_api.erased_detail(e.detail)
                 WHERE e.account_id = p_account_id AND e.domain_id = v_event.domain_id
                   AND e.event_id = v_event.event_id AND e.email <> emailgw.erased_address();
                IF FOUND THEN
                    counts := emailgw_api.add_counts(counts, '{"events": 1}');
                END IF;
            END IF;
        ELSIF v_event.mentioned THEN
            v_mentions := v_mentions + 1;
            UPDATE emailgw.event AS e SET detail = emailgw_api.erase_in_json(e.detail, p_pattern)
             WHERE e.account_id = p_account_id AND e.domain_id = v_event.domain_id AND e.event_id = v_event.event_id;
        END IF;
        last_domain_id := v_event.domain_id;
        last_event_id := v_event.event_id;
        more := read = p_limit OR clock_timestamp() > p_until;
        EXIT WHEN more;
    END LOOP;
    counts := emailgw_api.add_counts(counts, jsonb_build_object('mentions', v_mentions, 'events_read', read));
END
$$;
