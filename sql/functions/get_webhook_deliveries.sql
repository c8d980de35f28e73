-- get_webhook_deliveries: what was and is to be posted to a webhook, newest event first.
--   p_state  pending: a post waits for its next try, also one that is repeated;
--            delivered, failed: how the last try ended; NULL: all
--   p_count  rows at most
--   p_after  the event of the last row of the page before, NULL for the first page
-- One row at least: status is that of find_webhook; event_id is NULL where there is
-- nothing. What is shown of a test has no type and no mail.
CREATE FUNCTION emailgw_api.get_webhook_deliveries(p_account_id bigint, p_domain_id bigint, p_webhook_id bigint,
                                                   p_state text, p_count integer, p_after uuid)
RETURNS TABLE (status integer, event_id uuid, type integer, is_test boolean, message_id uuid, email text, state text,
               tries integer, status_code integer, error text, first_us bigint, last_us bigint, next_us bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    c_end CONSTANT uuid := coalesce(p_after, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    v_status CONSTANT integer := emailgw_api.find_webhook(p_account_id, p_domain_id, p_webhook_id);
BEGIN
    IF v_status <> 0 THEN
        RETURN QUERY SELECT v_status, NULL::uuid, NULL::integer, NULL::boolean, NULL::uuid, NULL::text, NULL::text,
                            NULL::integer, NULL::integer, NULL::text, NULL::bigint, NULL::bigint, NULL::bigint;
        RETURN;
    END IF;
    RETURN QUERY
    WITH waiting AS (
        SELECT q.event_id, q.tries, q.next_at, q.is_test FROM webhook_queue AS q
         WHERE q.account_id = p_account_id AND q.webhook_id = p_webhook_id AND q.event_id < c_end
           AND coalesce(p_state, 'pending') = 'pending'
         ORDER BY q.event_id DESC LIMIT p_count
    ), failed AS ( -- by an index of its own
        SELECT d.* FROM webhook_delivery AS d
         WHERE d.account_id = p_account_id AND d.webhook_id = p_webhook_id AND d.event_id < c_end
           AND d.state <> 'delivered' AND d.state = 'failed' AND p_state = 'failed'
           AND NOT EXISTS (SELECT FROM webhook_queue AS q
                            WHERE q.account_id = p_account_id AND q.webhook_id = p_webhook_id AND q.event_id = d.event_id)
         ORDER BY d.event_id DESC LIMIT p_count
    ), others AS (
        SELECT d.* FROM webhook_delivery AS d
         WHERE d.account_id = p_account_id AND d.webhook_id = p_webhook_id AND d.event_id < c_end
           AND (p_state IS NULL OR p_state = 'delivered' AND d.state = 'delivered')
           AND NOT EXISTS (SELECT FROM webhook_queue AS q
                            WHERE q.account_id = p_account_id AND q.webhook_id = p_webhook_id AND q.event_id = d.event_id)
         ORDER BY d.event_id DESC LIMIT p_count
    ), shown AS (
        SELECT w.event_id, w.is_test, 'pending' AS state, w.tries, w.next_at, l.status_code, l.error, l.first_at, l.last_at
          FROM waiting AS w
          LEFT JOIN webhook_delivery AS l ON l.account_id = p_account_id AND l.webhook_id = p_webhook_id
                                         AND l.event_id = w.event_id
        UNION ALL
        SELECT d.event_id, d.is_test, d.state::text, d.tries, NULL, d.status_code, d.error, d.first_at, d.last_at
          FROM (SELECT * FROM failed UNION ALL SELECT * FROM others) AS d
        ORDER BY 1 DESC LIMIT p_count
    )
    SELECT 0, s.event_id, e.type::integer, s.is_test, e.message_id, e.email, s.state, s.tries::integer,
           s.status_code::integer, s.error, (extract(epoch FROM s.first_at) * 1000000)::bigint,
           (extract(epoch FROM s.last_at) * 1000000)::bigint, (extract(epoch FROM s.next_at) * 1000000)::bigint
      FROM (SELECT) AS always
      LEFT JOIN (shown AS s
                 CROSS JOIN LATERAL (SELECT h.domain_id FROM webhook AS h
                                      WHERE h.account_id = p_account_id AND h.webhook_id = p_webhook_id) AS w
                 LEFT JOIN LATERAL (SELECT v.type, v.message_id, v.email FROM event AS v
                                     WHERE v.account_id = p_account_id AND v.domain_id = w.domain_id
                                       AND v.event_id = s.event_id LIMIT 1) AS e ON true) ON true
     ORDER BY s.event_id DESC;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_webhook_deliveries TO emailgw_module;
