-- track: what a recipient has done with a mail, as record_tracks takes it.
--   event_id  UUIDv7 made by the caller; the same one again changes nothing
--   type      7 open, 8 click, 9 unsubscribe
--   machine   the User-Agent or the method says that it was no person
--   detail    {"ip", "ua", "url"}; whether it was a machine is put in here
CREATE TYPE emailgw_api.track AS (
    event_id uuid, message_id uuid, recipient_no integer, type integer, at timestamptz, machine boolean, detail jsonb);

-- record_tracks: opens, clicks and unsubscribes: their events and webhook posts, the
-- counters, the suppression list.
--   p_account_ids  one element a track
-- One row a track: is there such a mail still? Of one that is not nothing is written.
-- What comes within two seconds of the delivery was a machine, whatever it calls
-- itself: nobody reads that fast. So is what comes before a delivery is recorded, which
-- takes a moment; of what is told late, since the database was away, that says nothing: the
-- delivery may wait to be recorded, too. The first open and click of a person are counted
-- apart. Of one recipient so many opens and clicks are events and no more, those of
-- machines fewer, so that they leave room for persons: a link can be followed without end,
-- by whoever has the mail. Who unsubscribes gets nothing more of that domain, and is told of once.
-- Each row is found by a probe of its primary key, whatever the planner thinks of the
-- size of a table: hence one by one.
-- Opens alone need not outlive a crash of the database: it does not wait for the disk.
CREATE FUNCTION emailgw_api.record_tracks(p_account_ids bigint[], p_tracks emailgw_api.track[])
RETURNS TABLE (for_id uuid, known boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    c_open CONSTANT integer := 7;
    c_click CONSTANT integer := 8;
    c_unsubscribe CONSTANT integer := 9;
    c_too_fast CONSTANT interval := '2 seconds';
    c_most CONSTANT integer := 400; -- conf/API.md says so, too
    c_most_of_machines CONSTANT integer := 200;
    c_late CONSTANT interval := '10 seconds'; -- a delivery is recorded by then, if the database is there
    v_track record;
    v_mail record;
    v_machine boolean;
    v_first boolean;
    -- what is told, one element an event
    v_account_ids bigint[] := '{}';
    v_domain_ids bigint[] := '{}';
    v_types integer[] := '{}';
    v_firsts boolean[] := '{}';
    v_days date[] := '{}';
    v_tags jsonb := '[]'; -- an array each
    v_event_ids uuid[] := '{}';
    v_message_ids uuid[] := '{}';
    -- who wants no more mails
    v_left_account_ids bigint[] := '{}';
    v_left_domain_ids bigint[] := '{}';
    v_left_emails text[] := '{}';
    v_left_message_ids uuid[] := '{}';
BEGIN
    IF NOT EXISTS (SELECT FROM unnest(p_tracks) AS t WHERE t.type <> c_open) THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    ELSIF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;

    -- Recipients are locked in this order, whoever else is at it.
    FOR v_track IN
        SELECT a.account_id, t.event_id, t.message_id, t.recipient_no::smallint AS recipient_no, t.type, t.at, t.machine, t.detail
          FROM unnest(p_account_ids) WITH ORDINALITY AS a (account_id, n)
          JOIN unnest(p_tracks) WITH ORDINALITY
               AS t (event_id, message_id, recipient_no, type, at, machine, detail, n) USING (n)
         ORDER BY a.account_id, t.message_id, t.recipient_no, t.at, t.event_id
    LOOP
        for_id := v_track.event_id;
        SELECT m.domain_id, m.tags, r.email, r.finished_at,
               CASE v_track.type WHEN c_open THEN r.opens WHEN c_click THEN r.clicks END AS told,
               CASE v_track.type WHEN c_open THEN r.opened_at WHEN c_click THEN r.clicked_at END AS first_at INTO v_mail
          FROM recipient AS r, message AS m
         WHERE r.account_id = v_track.account_id AND r.message_id = v_track.message_id AND r.recipient_no = v_track.recipient_no
           AND m.account_id = v_track.account_id AND m.message_id = v_track.message_id;
        known := FOUND;
        RETURN NEXT;
        CONTINUE WHEN NOT known OR v_mail.email = erased_address(); -- nothing is noted any more of who was erased

        v_machine := v_track.type <> c_unsubscribe
                     AND (v_track.machine OR CASE WHEN v_mail.finished_at IS NULL THEN v_track.at > now() - c_late
                                                  ELSE v_track.at < v_mail.finished_at + c_too_fast END);
        CONTINUE WHEN v_mail.told >= CASE WHEN v_machine THEN c_most_of_machines ELSE c_most END;
        IF v_track.type = c_unsubscribe THEN
            v_left_account_ids := v_left_account_ids || v_track.account_id;
            v_left_domain_ids := v_left_domain_ids || v_mail.domain_id;
            v_left_emails := v_left_emails || v_mail.email;
            v_left_message_ids := v_left_message_ids || v_track.message_id;
            CONTINUE WHEN NOT emailgw_api.first_event(v_track.account_id, v_track.message_id, v_track.recipient_no,
                                                      v_track.type, v_track.at);
        END IF;
        INSERT INTO event (account_id, domain_id, event_id, type, at, message_id, recipient_no, email, detail)
        VALUES (v_track.account_id, v_mail.domain_id, v_track.event_id, v_track.type, v_track.at, v_track.message_id,
                v_track.recipient_no, v_mail.email, v_track.detail || jsonb_build_object('machine', v_machine))
        ON CONFLICT (account_id, domain_id, event_id) DO NOTHING;
        CONTINUE WHEN NOT FOUND;

        IF v_track.type <> c_unsubscribe THEN
            PERFORM emailgw_api.count_track(v_track.account_id, v_track.message_id, v_track.recipient_no, v_track.type,
                                            v_mail.finished_at IS NOT NULL);
        END IF;
        v_first := NOT v_machine AND v_track.type <> c_unsubscribe AND v_mail.first_at IS NULL
                   AND emailgw_api.first_event(v_track.account_id, v_track.message_id, v_track.recipient_no,
                                               v_track.type, v_track.at);
        v_account_ids := v_account_ids || v_track.account_id;
        v_domain_ids := v_domain_ids || v_mail.domain_id;
        v_types := v_types || v_track.type;
        v_firsts := v_firsts || v_first;
        v_days := v_days || (v_track.at AT TIME ZONE 'UTC')::date;
        v_tags := v_tags || jsonb_build_array(v_mail.tags);
        v_event_ids := v_event_ids || v_track.event_id;
        v_message_ids := v_message_ids || v_track.message_id;
    END LOOP;

    -- As count_events does, which would be planned anew each time.
    INSERT INTO daily_count AS c (account_id, domain_id, day, type, tag, slot, count)
    SELECT e.account_id, e.domain_id, e.day, k.type, g.tag, pg_backend_pid() % 16, count(*)
      FROM unnest(v_account_ids, v_domain_ids, v_days, v_types, v_firsts) WITH ORDINALITY
           AS e (account_id, domain_id, day, type, first, n)
     CROSS JOIN LATERAL (SELECT e.type UNION ALL SELECT e.type + 100 WHERE e.first) AS k (type)
     CROSS JOIN LATERAL (SELECT '' UNION ALL SELECT jsonb_array_elements_text(v_tags -> (e.n::integer - 1))) AS g (tag)
     GROUP BY 1, 2, 3, 4, 5
     ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (account_id, domain_id, day, type, tag, slot) DO UPDATE SET count = c.count + excluded.count;
    IF EXISTS (SELECT FROM unnest(v_account_ids, v_domain_ids, v_types) AS e (account_id, domain_id, type)
                 JOIN domain AS d ON d.account_id = e.account_id AND d.domain_id = e.domain_id
                WHERE e.type = ANY (d.webhook_events)) THEN
        PERFORM emailgw_api.queue_webhooks(v_account_ids, v_domain_ids, v_types, v_event_ids, v_message_ids);
    END IF;
    IF v_left_emails <> '{}' THEN
        PERFORM emailgw_api.add_suppressions('unsubscribe', v_left_account_ids, v_left_emails, v_left_message_ids, NULL,
                                             v_left_domain_ids);
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.record_tracks TO emailgw_module;
