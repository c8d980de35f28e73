-- get_list_answer: what a mail to a list was answered with: its mails' ids where they came with the
-- request, else none. No row where the account has no such job any more.
CREATE FUNCTION emailgw_api.get_list_answer(p_account_id bigint, p_job_id uuid)
RETURNS TABLE (direct boolean, recipients integer, suppressed integer, failed integer, message_ids jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT j.direct, j.recipients, j.suppressed, j.failed,
           (SELECT coalesce(jsonb_agg(emailgw_api.list_mail_id(j.job_id, n) ORDER BY n), '[]')
              FROM generate_series(1, CASE WHEN j.direct THEN j.passed ELSE 0 END) AS n)
      FROM list_job AS j
     WHERE j.account_id = p_account_id AND j.job_id = p_job_id
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_list_answer TO emailgw_module;
