-- get_domains: the sender domains of an account, by name.
--   p_with_counts  how many keys, SMTP credentials and webhooks each has, and its
--                  counters of the last 28 days by type (stats_period, period_counts);
--                  NULL where they are not asked for
CREATE FUNCTION emailgw_api.get_domains(p_account_id bigint, p_with_counts boolean DEFAULT false)
RETURNS TABLE (domain_id bigint, name text, verified boolean, active boolean, api_keys bigint, smtps bigint, webhooks bigint,
               counts jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT d.domain_id, d.name, s.holds, s.holds, c.api_keys, c.smtps, c.webhooks, c.counts
      FROM domain AS d
     CROSS JOIN LATERAL (SELECT d.status IN ('Enabled', 'Warning') AS holds) AS s
      LEFT JOIN LATERAL (
           SELECT (SELECT count(*) FROM api_key AS k
                    WHERE k.account_id = d.account_id AND k.domain_id = d.domain_id AND k.deleted_at IS NULL) AS api_keys,
                  (SELECT count(*) FROM smtp_credential AS l
                    WHERE l.account_id = d.account_id AND l.domain_id = d.domain_id AND l.deleted_at IS NULL) AS smtps,
                  (SELECT count(*) FROM webhook AS w
                    WHERE w.account_id = d.account_id AND w.domain_id = d.domain_id AND w.deleted_at IS NULL) AS webhooks,
                  (SELECT coalesce(jsonb_object_agg(t.type, t.count), '{}')
                     FROM emailgw_api.stats_period(NULL, NULL) AS p
                    CROSS JOIN LATERAL emailgw_api.period_counts(d.account_id, d.domain_id, p.first, p.last) AS t) AS counts
           WHERE p_with_counts) AS c ON true
     WHERE d.account_id = p_account_id AND d.deleted_at IS NULL
     ORDER BY d.name
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_domains TO emailgw_module;
