-- erase_account: the parts of an account that are no events and no mails of somebody
-- who is erased, when all of those have been walked through: here belongs what else keeps
-- people's addresses. Digests that tell of the person are made anew from the events.
--   p_address  folded
--   p_pattern  address_pattern of it
CREATE FUNCTION emailgw_api.erase_account(p_account_id bigint, p_address text, p_pattern text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_tags bigint;
    v_closed bigint;
    v_subscribers bigint;
    v_keys bigint;
    v_returned bigint;
    v_digests bigint;
BEGIN
    DELETE FROM emailgw.daily_count AS c WHERE c.account_id = p_account_id AND c.tag <> '' AND c.tag ~* p_pattern;
    GET DIAGNOSTICS v_tags = ROW_COUNT;
    DELETE FROM emailgw.closed_count AS c WHERE c.account_id = p_account_id AND c.tag <> '' AND c.tag ~* p_pattern;
    GET DIAGNOSTICS v_closed = ROW_COUNT;

    PERFORM FROM emailgw.list AS l
      WHERE l.account_id = p_account_id
        AND l.list_id IN (SELECT s.list_id FROM emailgw.subscriber AS s
                           WHERE s.account_id = p_account_id AND s.address = p_address)
      ORDER BY l.list_id
        FOR NO KEY UPDATE;
    WITH gone AS (
        DELETE FROM emailgw.subscriber AS s WHERE s.account_id = p_account_id AND s.address = p_address
        RETURNING s.list_id
    ), counted AS ( -- an address is on a list once
        UPDATE emailgw.list AS l SET subscribers = l.subscribers - 1
          FROM gone AS g WHERE l.account_id = p_account_id AND l.list_id = g.list_id
    )
    SELECT count(*) INTO v_subscribers FROM gone;

    DELETE FROM emailgw.idempotency AS i WHERE i.account_id = p_account_id AND i.answer ~* p_pattern;
    GET DIAGNOSTICS v_keys = ROW_COUNT;
    DELETE FROM emailgw.returned_queue AS q
     WHERE q.account_id = p_account_id AND encode(q.mail, 'escape') ~* p_pattern;
    GET DIAGNOSTICS v_returned = ROW_COUNT;

    WITH gone AS (
        DELETE FROM emailgw.digest AS d
         WHERE d.account_id = p_account_id
           AND EXISTS (SELECT FROM emailgw.digest_texts AS t
                        WHERE t.account_id = d.account_id AND t.domain_id = d.domain_id AND t.day = d.day
                          AND (t.emails ~* p_pattern OR t.subjects ~* p_pattern OR t.others ~* p_pattern))
        RETURNING d.day
    ), open_again AS (
        DELETE FROM emailgw.digest_day AS d USING (SELECT DISTINCT g.day FROM gone AS g) AS g WHERE d.day = g.day
    )
    SELECT count(*) INTO v_digests FROM gone;
    RETURN jsonb_build_object('tag_counts', v_tags + v_closed, 'subscribers', v_subscribers,
                              'idempotency_keys', v_keys,
                              'returned_mails', v_returned, 'digests', v_digests);
END
$$;
