-- get_list_job: how far a mail to a list has come, and the ids of its mails: p_limit of them behind p_after.
-- No row where the account has no such job; message_id is NULL where no id is in the answer.
CREATE FUNCTION emailgw_api.get_list_job(p_account_id bigint, p_job_id uuid, p_after uuid, p_limit integer)
RETURNS TABLE (list_id bigint, domain_id bigint, job_status text, waits text, recipients integer, done integer,
               suppressed integer, failed integer, created_us bigint, finished_us bigint, message_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT j.list_id, j.domain_id,
           CASE WHEN j.status = 'finished' THEN 'Finished'
                WHEN j.status = 'cancelled' OR f.fate = 'cancelled' THEN 'Cancelled'
                WHEN w.waits IS NOT NULL OR f.fate = 'inactive' THEN 'Waiting'
                ELSE 'Running' END,
           CASE WHEN j.status = 'open' AND f.fate = 'open' THEN w.waits
                WHEN j.status = 'open' AND f.fate = 'inactive' THEN 'the domain or the account is not active' END,
           j.recipients, j.passed, j.suppressed, j.failed,
           (extract(epoch FROM j.created_at) * 1000000)::bigint,
           (extract(epoch FROM j.finished_at) * 1000000)::bigint, m.message_id
      FROM list_job AS j
     CROSS JOIN LATERAL emailgw_api.list_job_fate(j.account_id, j.domain_id, j.queue_epoch, j.list_id) AS f (fate)
     CROSS JOIN LATERAL (SELECT CASE WHEN j.next_at > now() THEN j.waits END) AS own (waits)
      LEFT JOIN list_lane AS l ON l.account_id = j.account_id AND l.domain_id = j.domain_id
     CROSS JOIN LATERAL (SELECT coalesce(own.waits, l.waits)) AS w (waits)
      LEFT JOIN LATERAL (SELECT o.message_id FROM message AS o
                          WHERE o.account_id = j.account_id AND o.message_id > greatest(j.job_id, p_after)
                            AND o.message_id <= emailgw_api.list_mail_id(j.job_id, j.passed)
                          ORDER BY o.message_id LIMIT p_limit) AS m ON true
     WHERE j.account_id = p_account_id AND j.job_id = p_job_id
     ORDER BY m.message_id;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_list_job TO emailgw_module;
