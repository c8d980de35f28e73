-- end_list_job: a list job is over; its texts, which nobody needs any more, go.
CREATE FUNCTION emailgw_api.end_list_job(p_account_id bigint, p_job_id uuid, p_status text)
RETURNS void
LANGUAGE sql VOLATILE
AS $$
    UPDATE emailgw.list_job AS j
       SET status = p_status::emailgw.list_job_status, finished_at = now(), waits = NULL, subject = NULL, html = NULL,
           plain = NULL, data = NULL
     WHERE j.account_id = p_account_id AND j.job_id = p_job_id
$$;
