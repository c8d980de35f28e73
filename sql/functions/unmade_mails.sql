-- unmade_mails: how many mails to lists that a domain has begun to send are not made yet: of each open job
-- the subscribers that its list had when it was accepted, but for those that are done. Some of them may
-- have left the list since, or be suppressed: that is found out when their mails are made.
CREATE FUNCTION emailgw_api.unmade_mails(p_account_id bigint, p_domain_id bigint)
RETURNS bigint
LANGUAGE sql STABLE SET enable_seqscan = off
AS $$
    SELECT coalesce(sum(j.mails), 0)::bigint
      FROM (SELECT o.queue_epoch, o.list_id, sum(o.recipients - o.passed - o.suppressed - o.failed) AS mails
              FROM emailgw.list_job AS o
             WHERE o.account_id = p_account_id AND o.domain_id = p_domain_id AND o.status = 'open'
             GROUP BY o.queue_epoch, o.list_id) AS j
     WHERE emailgw_api.list_job_fate(p_account_id, p_domain_id, j.queue_epoch, j.list_id) <> 'cancelled'
$$;
