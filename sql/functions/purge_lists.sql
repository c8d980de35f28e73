-- purge_lists: takes away some of what deleted lists have left, and list jobs that are over as
-- long as events are kept. How many rows there were. What others have locked is left to another time:
-- they may wait for housekeeping.
CREATE FUNCTION emailgw_api.purge_lists(p_event_days integer)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_batch CONSTANT integer := 20000;
    v_list record;
    v_count bigint;
    v_purged bigint := 0;
BEGIN
    SELECT l.account_id, l.list_id INTO v_list FROM emailgw.list AS l
     WHERE l.deleted_at IS NOT NULL ORDER BY l.deleted_at LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
        DELETE FROM emailgw.subscriber AS s
         WHERE s.account_id = v_list.account_id AND s.list_id = v_list.list_id
           AND s.subscriber_id IN (SELECT o.subscriber_id FROM emailgw.subscriber AS o
                                    WHERE o.account_id = v_list.account_id AND o.list_id = v_list.list_id
                                    ORDER BY o.subscriber_id LIMIT c_batch FOR UPDATE SKIP LOCKED);
        GET DIAGNOSTICS v_purged = ROW_COUNT;
        IF v_purged < c_batch THEN
            DELETE FROM emailgw.list AS l
             WHERE l.account_id = v_list.account_id AND l.list_id = v_list.list_id
               AND NOT EXISTS (SELECT FROM emailgw.subscriber AS s
                                WHERE s.account_id = l.account_id AND s.list_id = l.list_id);
            GET DIAGNOSTICS v_count = ROW_COUNT;
            v_purged := v_purged + v_count;
        END IF;
    END IF;
    DELETE FROM emailgw.list_job AS j
     WHERE (j.account_id, j.job_id) IN (
           SELECT o.account_id, o.job_id FROM emailgw.list_job AS o
            WHERE o.status <> 'open' AND o.finished_at < now() - make_interval(days => p_event_days)
            ORDER BY o.finished_at LIMIT c_batch FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_purged + v_count;
END
$$;
