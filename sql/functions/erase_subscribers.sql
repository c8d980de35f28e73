-- erase_subscribers: takes somebody off all lists of an account. How many there were.
--   p_address  folded
CREATE FUNCTION emailgw_api.erase_subscribers(p_account_id bigint, p_address text)
RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_count integer;
BEGIN
    -- Lists before subscribers, as others lock them; those of deleted lists are counted no more.
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
    SELECT count(*) INTO v_count FROM gone;
    RETURN v_count;
END
$$;
