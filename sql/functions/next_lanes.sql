-- next_lanes: up to p_limit lanes of an account that have something to claim,
-- from a random one on and round, and since when it waits. One index probe each;
-- two for a domain's rows that were cut off, however many they are.
--   p_low      the account's first domain that has anything ready
--   p_held     lanes to pass over, but for what is due since before p_overdue in those
--              that are in p_dead as well
-- A probe of this index steps over what was claimed and is not yet vacuumed, so
-- there are no more of them than needed, and next_at spares the caller's.
CREATE FUNCTION emailgw_api.next_lanes(p_account_id bigint, p_low bigint, p_limit integer,
                                       p_held integer[] DEFAULT '{}', p_dead integer[] DEFAULT '{}',
                                       p_overdue timestamptz DEFAULT '-infinity')
RETURNS TABLE (domain_id bigint, epoch integer, lane integer, next_at timestamptz, held boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_variable
DECLARE
    c_last_lane CONSTANT integer := 2147483647;
    v_high CONSTANT bigint := (SELECT q.domain_id FROM emailgw.queue AS q
                                WHERE q.ready AND q.account_id = p_account_id
                                ORDER BY q.account_id DESC, q.domain_id DESC LIMIT 1);
    v_start_domain bigint := p_low;
    v_start_lane CONSTANT integer := (random() * 4294967294 - 2147483647)::bigint::integer;
    v_epoch integer;
    v_left integer := p_limit;
BEGIN
    IF p_low < v_high THEN -- one of those beside a random point between them, so that a gap favours none
        v_start_domain := p_low + floor(random() * (v_high - p_low + 1));
        v_start_domain := CASE WHEN random() < 0.5
            THEN (SELECT q.domain_id FROM emailgw.queue AS q
                   WHERE q.ready AND q.account_id = p_account_id AND q.domain_id >= v_start_domain
                   ORDER BY q.account_id, q.domain_id LIMIT 1)
            ELSE (SELECT q.domain_id FROM emailgw.queue AS q
                   WHERE q.ready AND q.account_id = p_account_id AND q.domain_id <= v_start_domain
                   ORDER BY q.account_id DESC, q.domain_id DESC LIMIT 1) END;
    END IF;

    FOR v_half IN 1 .. 2 LOOP -- behind the start, then before it
        IF v_half = 1 THEN
            domain_id := v_start_domain;
            epoch := (SELECT d.queue_epoch FROM emailgw.domain AS d
                       WHERE d.account_id = p_account_id AND d.domain_id = v_start_domain);
            lane := v_start_lane;
        ELSE
            domain_id := 0;
            epoch := 0;
            lane := 0;
        END IF;
        LOOP
            SELECT q.domain_id, q.epoch, q.lane, q.next_at,
                   (SELECT d.queue_epoch FROM emailgw.domain AS d
                     WHERE d.account_id = p_account_id AND d.domain_id = q.domain_id)
              INTO domain_id, epoch, lane, next_at, v_epoch
              FROM emailgw.queue AS q
             WHERE q.ready AND q.account_id = p_account_id
               AND (q.domain_id, q.epoch, q.lane) > (domain_id, epoch, lane)
             ORDER BY q.account_id, q.domain_id, q.epoch, q.lane, q.next_at LIMIT 1;
            EXIT WHEN NOT FOUND;
            IF epoch < v_epoch THEN -- cut off: on to what was queued since
                epoch := v_epoch - 1;
                lane := c_last_lane;
                CONTINUE;
            END IF;
            EXIT WHEN v_half = 2 AND (domain_id, lane) > (v_start_domain, v_start_lane);
            held := lane = ANY (p_held);
            CONTINUE WHEN held AND (next_at >= p_overdue OR lane <> ALL (p_dead));
            RETURN NEXT;
            v_left := v_left - 1;
            IF v_left = 0 THEN
                RETURN;
            END IF;
        END LOOP;
    END LOOP;
END
$$;
