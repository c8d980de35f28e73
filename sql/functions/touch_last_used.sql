-- touch_last_used: when domains, keys and SMTP credentials were last used, to the minute. Rows that
-- another transaction is just touching are left to it.
--   p_domain_ids, p_api_key_ids, p_smtp_ids  one element a mail
CREATE FUNCTION emailgw_api.touch_last_used(p_account_ids bigint[], p_domain_ids bigint[], p_api_key_ids bigint[],
                                            p_smtp_ids bigint[])
RETURNS void
LANGUAGE sql VOLATILE
AS $$
    UPDATE emailgw.domain AS d SET last_used_at = now()
     WHERE d.ctid = ANY (ARRAY(
           SELECT l.ctid FROM (SELECT DISTINCT * FROM unnest(p_account_ids, p_domain_ids))
                        AS u (account_id, domain_id)
            CROSS JOIN LATERAL (SELECT n.ctid FROM emailgw.domain AS n
                                 WHERE n.account_id = u.account_id AND n.domain_id = u.domain_id
                                   AND (n.last_used_at IS NULL OR n.last_used_at < now() - interval '1 minute')
                                   FOR NO KEY UPDATE SKIP LOCKED) AS l));
    UPDATE emailgw.api_key AS k SET last_used_at = now()
     WHERE k.ctid = ANY (ARRAY(
           SELECT l.ctid FROM (SELECT DISTINCT * FROM unnest(p_account_ids, p_api_key_ids))
                        AS u (account_id, api_key_id)
            CROSS JOIN LATERAL (SELECT n.ctid FROM emailgw.api_key AS n
                                 WHERE n.account_id = u.account_id AND n.api_key_id = u.api_key_id
                                   AND (n.last_used_at IS NULL OR n.last_used_at < now() - interval '1 minute')
                                   FOR NO KEY UPDATE SKIP LOCKED) AS l));
    UPDATE emailgw.smtp_credential AS s SET last_used_at = now()
     WHERE s.ctid = ANY (ARRAY(
           SELECT l.ctid FROM (SELECT DISTINCT * FROM unnest(p_account_ids, p_smtp_ids))
                        AS u (account_id, smtp_id)
            CROSS JOIN LATERAL (SELECT n.ctid FROM emailgw.smtp_credential AS n
                                 WHERE n.account_id = u.account_id AND n.smtp_id = u.smtp_id
                                   AND (n.last_used_at IS NULL OR n.last_used_at < now() - interval '1 minute')
                                   FOR NO KEY UPDATE SKIP LOCKED) AS l));
$$;
