-- list_job_fate: what is to become of an open list job: 'cancelled' where its domain, its list or
-- its account is no more, or the domain's queue was cut off; 'inactive' where domain
-- or account may not send now; else 'open'.
CREATE FUNCTION emailgw_api.list_job_fate(p_account_id bigint, p_domain_id bigint, p_queue_epoch integer, p_list_id bigint)
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT coalesce((
        SELECT CASE WHEN d.deleted_at IS NOT NULL OR d.queue_epoch <> p_queue_epoch OR a.status = 'disabled'
                         OR l.deleted_at IS NOT NULL THEN 'cancelled'
                    WHEN d.status NOT IN ('Enabled', 'Warning') OR a.status <> 'active' THEN 'inactive'
                    ELSE 'open' END
          FROM emailgw.domain AS d
          JOIN emailgw.account AS a ON a.account_id = d.account_id
          JOIN emailgw.list AS l ON l.account_id = d.account_id AND l.list_id = p_list_id
         WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id), 'cancelled')
$$;
