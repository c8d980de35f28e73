-- ctl_queue_cancel: clear_domain_queue for a domain by its name.
CREATE FUNCTION emailgw_api.ctl_queue_cancel(p_account_id bigint, p_domain text,
                                             OUT status text, OUT domain_id bigint, OUT mails bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    SELECT 'ok', d.domain_id, c.mails INTO status, domain_id, mails
      FROM domain AS d
     CROSS JOIN LATERAL emailgw_api.clear_domain_queue(d.account_id, d.domain_id) AS c
     WHERE d.account_id = p_account_id AND d.name = p_domain AND d.deleted_at IS NULL AND c.known;
    status := coalesce(status, 'unknown domain');
END
$$;
