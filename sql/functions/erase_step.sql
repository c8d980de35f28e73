-- erase_step: the next part of an erasure, about p_limit events or a second of it. Doing it again
-- changes nothing, so that two who are at it do no harm. A statement_timeout would end the same part
-- at the same place again and again; locks are not waited for longer than others can bear.
--   p_address  whose; p_hash what it is known by afterwards (core/addresshash.h)
--   p_others   what people may write for it beside that; NULL: from a sender that does not
--              look through parts of mails, which has to leave them to one that does
-- state is more: the next part can be done at once, when those of next_erasure_part are;
-- waiting: a sender had one of the person's mails in hand, or something of the person
-- could just have come in, and all is looked through again a little later, or parts are
-- left to another sender, or housekeeping is at the same; done.
CREATE FUNCTION emailgw_api.erase_step(p_account_id bigint, p_erasure_id bigint, p_address text, p_hash text,
                                       p_limit integer, p_others text[] DEFAULT NULL, OUT state text, OUT counts jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET lock_timeout = '5s'
AS $$
#variable_conflict use_column
DECLARE
    c_again CONSTANT interval := '3 seconds';
    c_settled CONSTANT interval := '2 seconds'; -- a mail or a click may have been on its way in when it began
    c_until CONSTANT timestamptz := statement_timestamp() + interval '1 second'; -- what is changed stays locked until the commit
    c_address CONSTANT text := fold_address(p_address);
    c_spellings CONSTANT text[] := c_address || ARRAY(SELECT fold_address(o) FROM unnest(p_others) AS o);
    c_pattern CONSTANT text := emailgw_api.address_pattern(c_spellings);
    c_begin CONSTANT uuid := '00000000-0000-0000-0000-000000000001'; -- of an account: no event is before it
    v_job record;
    v_part record;
    v_rest jsonb;
    v_left integer := p_limit;
    v_next bigint;
    v_subscribers integer;
BEGIN
    SELECT e.* INTO v_job FROM erasure AS e
     WHERE e.account_id = p_account_id AND e.erasure_id = p_erasure_id AND e.finished_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        state := 'done';
        RETURN;
    END IF;
    counts := v_job.counts;
    state := 'more';
    WHILE v_left > 0 AND state = 'more' LOOP
        IF v_job.at_event_id = '00000000-0000-0000-0000-000000000000' THEN -- another account begins
            v_next := (SELECT min(a.account_id) FROM account AS a
                        WHERE a.account_id > v_job.at_account_id AND p_account_id IN (0, a.account_id));
            IF v_next IS NULL THEN
                IF EXISTS (SELECT FROM erasure_part AS p
                            WHERE p.asked_by = p_account_id AND p.erasure_id = p_erasure_id) THEN
                    state := CASE WHEN p_others IS NULL THEN 'waiting' ELSE 'more' END;
                    EXIT;
                END IF;
                v_job.at_account_id := 0;
                state := CASE WHEN v_job.again THEN 'waiting' ELSE 'done' END;
                EXIT;
            END IF;
            v_job.at_account_id := v_next;
            v_job.at_event_id := c_begin;
            counts := emailgw_api.add_counts(counts, emailgw_api.erase_suppressions(
                          v_job.at_account_id, c_address, p_hash, p_account_id <> 0));
            -- Before the events: what a list was about to send comes to light in the next pass.
            v_subscribers := emailgw_api.erase_subscribers(v_job.at_account_id, c_address);
            counts := emailgw_api.add_counts(counts, jsonb_build_object('subscribers', v_subscribers));
            v_job.again := v_job.again OR v_subscribers > 0 OR v_job.created_at > now() - c_settled;
            v_job.template_ids := ARRAY(SELECT unnest(v_job.template_ids) UNION
                                        SELECT unnest(emailgw_api.templates_with(v_next, c_spellings)) ORDER BY 1);
            EXIT WHEN v_subscribers > 0; -- others who send to these lists wait for the commit
        END IF;
        SELECT * INTO v_part FROM emailgw_api.erase_events(p_account_id, p_erasure_id, v_job.at_account_id,
                                                           v_job.at_domain_id, v_job.at_event_id, c_spellings,
                                                           c_pattern, v_left, c_until);
        counts := emailgw_api.add_counts(counts, v_part.counts);
        v_job.again := v_job.again OR v_part.waiting;
        v_job.at_domain_id := v_part.last_domain_id;
        v_job.at_event_id := v_part.last_event_id;
        IF NOT v_part.more THEN -- that was all of the account
            v_rest := emailgw_api.erase_account(v_job.at_account_id, c_spellings, c_pattern);
            IF v_rest IS NULL THEN
                state := 'waiting';
                EXIT;
            END IF;
            counts := emailgw_api.add_counts(counts, v_rest);
            v_job.at_domain_id := 0;
            v_job.at_event_id := '00000000-0000-0000-0000-000000000000';
        END IF;
        v_left := v_left - greatest(v_part.read, 1);
        EXIT WHEN v_part.more OR clock_timestamp() > c_until;
    END LOOP;
    UPDATE erasure AS e
       SET counts = erase_step.counts, again = v_job.again AND v_job.at_account_id <> 0,
           template_ids = v_job.template_ids, at_account_id = v_job.at_account_id, at_domain_id = v_job.at_domain_id,
           at_event_id = v_job.at_event_id,
           next_at = now() + CASE WHEN state = 'waiting' THEN c_again ELSE interval '0' END,
           finished_at = CASE WHEN state = 'done' THEN now() END,
           address_sealed = CASE WHEN state <> 'done' THEN e.address_sealed END
     WHERE e.account_id = p_account_id AND e.erasure_id = p_erasure_id;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.erase_step TO emailgw_sender;
