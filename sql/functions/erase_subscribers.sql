-- erase_subscribers: takes somebody off all lists of an account. How many there were.
-- What a sender is making for one of these lists at this moment knows them still: it comes too late
-- (store_list_batch), and is made again without them.
--   p_address  folded
CREATE FUNCTION emailgw_api.erase_subscribers(p_account_id bigint, p_address text)
RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_list_ids bigint[];
    v_job_ids uuid[];
    v_job_id uuid;
BEGIN
    -- Lists before subscribers before jobs, as others lock them; those of deleted lists are counted no more.
    PERFORM FROM emailgw.list AS l
      WHERE l.account_id = p_account_id AND l.deleted_at IS NULL
        AND l.list_id IN (SELECT s.list_id FROM emailgw.subscriber AS s
                           WHERE s.account_id = p_account_id AND s.address = p_address)
      ORDER BY l.list_id
        FOR NO KEY UPDATE;
    WITH gone AS (
        DELETE FROM emailgw.subscriber AS s WHERE s.account_id = p_account_id AND s.address = p_address
        RETURNING s.list_id
    ), counted AS ( -- an address is on a list once
        UPDATE emailgw.list AS l SET subscribers = l.subscribers - 1
          FROM gone AS g WHERE l.account_id = p_account_id AND l.list_id = g.list_id AND l.deleted_at IS NULL
    )
    SELECT coalesce(array_agg(g.list_id), '{}') INTO v_list_ids FROM gone AS g;
    v_job_ids := ARRAY( -- all of them before the first domain's lane, which each of them wakes
        SELECT j.job_id FROM emailgw.list_job AS j
         WHERE j.account_id = p_account_id AND j.list_id = ANY (v_list_ids) AND j.status = 'open'
         ORDER BY j.domain_id, j.job_id
           FOR UPDATE);
    FOREACH v_job_id IN ARRAY v_job_ids LOOP
        UPDATE emailgw.list_job AS j
           SET turn = j.turn + 1, next_at = CASE WHEN j.waits IS NULL THEN least(j.next_at, now()) ELSE j.next_at END
         WHERE j.account_id = p_account_id AND j.job_id = v_job_id;
    END LOOP;
    RETURN cardinality(v_list_ids);
END
$$;
