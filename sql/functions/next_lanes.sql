-- next_lanes: up to p_limit lanes of an account that have something ready,
-- beginning at a random one and going round. One index probe each.
CREATE FUNCTION emailgw_api.next_lanes(p_account_id bigint, p_limit integer)
RETURNS integer[]
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_start CONSTANT integer := (random() * 4294967294 - 2147483647)::bigint::integer;
    v_lane integer := v_start;
    v_lanes integer[] := '{}';
    v_wrapped boolean := false;
BEGIN
    WHILE cardinality(v_lanes) < p_limit LOOP
        SELECT q.lane INTO v_lane FROM emailgw.queue AS q
         WHERE q.ready AND q.account_id = p_account_id AND q.lane > v_lane
         ORDER BY q.account_id, q.lane LIMIT 1;
        IF NOT FOUND THEN
            EXIT WHEN v_wrapped;
            v_wrapped := true;
            SELECT q.lane INTO v_lane FROM emailgw.queue AS q
             WHERE q.ready AND q.account_id = p_account_id
             ORDER BY q.account_id, q.lane LIMIT 1;
            EXIT WHEN NOT FOUND;
        END IF;
        EXIT WHEN v_wrapped AND v_lane > v_start;
        v_lanes := v_lanes || v_lane;
    END LOOP;
    RETURN v_lanes;
END
$$;
