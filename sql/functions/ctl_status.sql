-- ctl_status: one row for an operator: versions, sizes, how late the queue is,
-- whether a commit holds (durability), and mails that came back and are not read yet.
CREATE FUNCTION emailgw_api.ctl_status()
RETURNS TABLE (migration integer, code_sha256 text, accounts bigint, domains bigint, queued bigint,
               due bigint, in_flight bigint, oldest_due_seconds bigint, partitions_until timestamptz,
               server_version text, durability text,
               returned_waiting bigint, returned_set_aside bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT (SELECT max(m.number) FROM migration AS m),
           (SELECT c.sha256 FROM code AS c),
           (SELECT count(*) FROM account),
           (SELECT count(*) FROM domain AS d WHERE d.deleted_at IS NULL),
           q.queued, q.due, q.in_flight, coalesce(q.oldest_due_seconds, 0),
           (SELECT max(uuid7_time((regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''(.*)''\)'))[1]::uuid))
              FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'emailgw.content'::regclass),
           current_setting('server_version'),
           emailgw_api.durability(),
           b.waiting, b.set_aside
      FROM (SELECT count(*) AS queued,
                   count(*) FILTER (WHERE w.state = 'ready') AS due,
                   count(*) FILTER (WHERE w.state = 'sending') AS in_flight,
                   extract(epoch FROM now() - min(w.next_at) FILTER (WHERE w.state = 'ready'))::bigint
                       AS oldest_due_seconds
              FROM (SELECT r.next_at, CASE WHEN r.epoch = d.queue_epoch THEN emailgw_api.queue_state(r)
                                           WHEN emailgw_api.queue_state(r) = 'sending' THEN 'sending' END AS state
                      FROM queue AS r
                      JOIN domain AS d ON d.account_id = r.account_id AND d.domain_id = r.domain_id) AS w) AS q
     CROSS JOIN emailgw_api.ctl_returned_count() AS b
$$;
