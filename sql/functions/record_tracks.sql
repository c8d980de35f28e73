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
-- itself: nobody reads that fast. The first open and click of a person are counted
-- apart. Who unsubscribes gets nothing more of that domain, and is told of once.
-- Opens alone need not outlive a crash of the database: it does not wait for the disk.
CREATE FUNCTION emailgw_api.record_tracks(p_account_ids bigint[], p_tracks emailgw_api.track[])
RETURNS TABLE (for_id uuid, known boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    c_open CONSTANT integer := 7;
    c_click CONSTANT integer := 8;
    c_unsubscribe CONSTANT integer := 9;
    c_too_fast CONSTANT interval := '2 seconds';
    v_low CONSTANT uuid := (SELECT t.message_id FROM unnest(p_tracks) AS t ORDER BY t.message_id LIMIT 1);
    v_high CONSTANT uuid := (SELECT t.message_id FROM unnest(p_tracks) AS t ORDER BY t.message_id DESC LIMIT 1);
    v_told record;
BEGIN
    IF NOT EXISTS (SELECT FROM unnest(p_tracks) AS t WHERE t.type <> c_open) THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    ELSIF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;

    WITH found AS (
        SELECT g.account_id, m.domain_id, m.tags, g.event_id, g.type, g.at, g.message_id, g.recipient_no, r.email, g.detail,
               g.machine OR g.at < coalesce(r.finished_at, 'infinity') + c_too_fast AS machine
          FROM (SELECT a.account_id, t.event_id, t.type, t.at, t.message_id, t.recipient_no::smallint, t.machine, t.detail
                  FROM unnest(p_account_ids) WITH ORDINALITY AS a (account_id, n)
                  JOIN unnest(p_tracks) WITH ORDINALITY
                       AS t (event_id, message_id, recipient_no, type, at, machine, detail, n) USING (n)
                 ORDER BY a.account_id, t.message_id, t.recipient_no, t.at, t.event_id) AS g
         CROSS JOIN LATERAL (SELECT l.domain_id, l.tags FROM message AS l
                              WHERE l.account_id = g.account_id AND l.message_id = g.message_id
                                AND l.message_id BETWEEN v_low AND v_high OFFSET 0) AS m
         CROSS JOIN LATERAL (SELECT l.email, l.finished_at FROM recipient AS l
                              WHERE l.account_id = g.account_id AND l.message_id = g.message_id
                                AND l.recipient_no = g.recipient_no
                                AND l.message_id BETWEEN v_low AND v_high OFFSET 0) AS r
    ), mark AS ( -- what may be a recipient's first, in the order in which rows are locked
        SELECT f.account_id, f.message_id, f.recipient_no,
               min(f.at) FILTER (WHERE f.type = c_open AND NOT f.machine) AS opened_at,
               min(f.at) FILTER (WHERE f.type = c_click AND NOT f.machine) AS clicked_at,
               min(f.at) FILTER (WHERE f.type = c_unsubscribe) AS unsubscribed_at
          FROM found AS f
         GROUP BY 1, 2, 3
         ORDER BY 1, 2, 3
    ), marked AS (
        UPDATE recipient AS r
           SET opened_at = coalesce(r.opened_at, k.opened_at), clicked_at = coalesce(r.clicked_at, k.clicked_at),
               unsubscribed_at = coalesce(r.unsubscribed_at, k.unsubscribed_at)
          FROM mark AS k
         WHERE r.account_id = k.account_id AND r.message_id = k.message_id AND r.recipient_no = k.recipient_no
           AND r.message_id BETWEEN v_low AND v_high
           AND (r.opened_at IS NULL AND k.opened_at IS NOT NULL OR r.clicked_at IS NULL AND k.clicked_at IS NOT NULL
                OR r.unsubscribed_at IS NULL AND k.unsubscribed_at IS NOT NULL)
        RETURNING r.account_id, r.message_id, r.recipient_no, r.opened_at, r.clicked_at, r.unsubscribed_at
    ), first AS ( -- one event each: two of one moment are told apart by their ids
        SELECT DISTINCT ON (f.account_id, f.message_id, f.recipient_no, f.type) f.event_id
          FROM found AS f
          JOIN marked AS k USING (account_id, message_id, recipient_no)
         WHERE (NOT f.machine OR f.type = c_unsubscribe)
           AND f.at = CASE f.type WHEN c_open THEN k.opened_at WHEN c_click THEN k.clicked_at
                                  ELSE k.unsubscribed_at END
         ORDER BY f.account_id, f.message_id, f.recipient_no, f.type, f.event_id
    ), told AS (
        INSERT INTO event AS e (account_id, domain_id, event_id, type, at, message_id, recipient_no, email, detail)
        SELECT f.account_id, f.domain_id, f.event_id, f.type, f.at, f.message_id, f.recipient_no, f.email,
               f.detail || jsonb_build_object('machine', f.machine AND f.type <> c_unsubscribe)
          FROM found AS f
         WHERE f.type <> c_unsubscribe OR f.event_id IN (SELECT i.event_id FROM first AS i)
        ON CONFLICT (account_id, domain_id, event_id) DO NOTHING
        RETURNING e.account_id, e.domain_id, e.event_id, e.type::integer, e.message_id
    ), counted AS ( -- as count_events does, in one statement with the rest: it is planned once
        INSERT INTO daily_count AS c (account_id, domain_id, day, type, tag, slot, count)
        SELECT f.account_id, f.domain_id, (f.at AT TIME ZONE 'UTC')::date, k.type, g.tag, pg_backend_pid() % 16, count(*)
          FROM (SELECT DISTINCT ON (d.event_id) d.* FROM found AS d WHERE d.event_id IN (SELECT t.event_id FROM told AS t)
                 ORDER BY d.event_id) AS f
         CROSS JOIN LATERAL (VALUES (f.type),
                                    (CASE WHEN f.type <> c_unsubscribe AND f.event_id IN (SELECT i.event_id FROM first AS i)
                                          THEN f.type + 100 END)) AS k (type)
         CROSS JOIN LATERAL unnest('{""}' || f.tags) AS g (tag)
         WHERE k.type IS NOT NULL
         GROUP BY 1, 2, 3, 4, 5
         ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT (account_id, domain_id, day, type, tag, slot) DO UPDATE SET count = c.count + excluded.count
    )
    SELECT array_agg(t.account_id) AS account_ids, array_agg(t.domain_id) AS domain_ids, array_agg(t.type) AS types,
           array_agg(t.event_id) AS event_ids, array_agg(t.message_id) AS message_ids,
           bool_or(t.type = ANY (d.webhook_events)) AS hooked,
           (SELECT array_agg(f.event_id) FROM found AS f) AS known,
           (SELECT array_agg(f.account_id) FROM found AS f WHERE f.type = c_unsubscribe) AS left_account_ids,
           (SELECT array_agg(f.domain_id) FROM found AS f WHERE f.type = c_unsubscribe) AS left_domain_ids,
           (SELECT array_agg(f.email) FROM found AS f WHERE f.type = c_unsubscribe) AS left_emails,
           (SELECT array_agg(f.message_id) FROM found AS f WHERE f.type = c_unsubscribe) AS left_message_ids
      INTO v_told
      FROM told AS t
      JOIN domain AS d ON d.account_id = t.account_id AND d.domain_id = t.domain_id;

    IF v_told.hooked THEN
        PERFORM emailgw_api.queue_webhooks(v_told.account_ids, v_told.domain_ids, v_told.types, v_told.event_ids,
                                           v_told.message_ids);
    END IF;
    IF v_told.left_emails IS NOT NULL THEN
        PERFORM emailgw_api.add_suppressions('unsubscribe', v_told.left_account_ids, v_told.left_emails,
                                             v_told.left_message_ids, NULL, v_told.left_domain_ids);
    END IF;
    RETURN QUERY SELECT t.event_id, coalesce(t.event_id = ANY (v_told.known), false) FROM unnest(p_tracks) AS t;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.record_tracks TO emailgw_module;
