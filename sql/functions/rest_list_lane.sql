-- rest_list_lane: a domain none of whose list jobs is due is looked at again when the next of them is;
-- one without any is forgotten until it has one. The caller has locked its row of list_lane.
CREATE FUNCTION emailgw_api.rest_list_lane(p_account_id bigint, p_domain_id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    c_pause CONSTANT interval := '200 ms'; -- one that is due is in somebody's hands at this moment
    v_next_at timestamptz;
BEGIN
    SELECT j.next_at INTO v_next_at FROM emailgw.list_job AS j
     WHERE j.account_id = p_account_id AND j.domain_id = p_domain_id AND j.status = 'open'
     ORDER BY j.next_at LIMIT 1;
    IF FOUND THEN
        UPDATE emailgw.list_lane AS l SET next_at = greatest(v_next_at, now() + c_pause), waits = NULL
         WHERE l.account_id = p_account_id AND l.domain_id = p_domain_id;
    ELSE
        DELETE FROM emailgw.list_lane AS l WHERE l.account_id = p_account_id AND l.domain_id = p_domain_id;
    END IF;
END
$$;
