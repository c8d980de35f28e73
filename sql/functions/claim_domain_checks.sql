-- claim_domain_checks: up to p_limit domains whose records are due to be looked up
-- again, leased.
--   p_interval_us  a domain is due so many microseconds after its last check
--   p_lease_us     how long they are the caller's; then they come due again
-- lease is the fence: record_domain_checks takes a result for no other.
CREATE FUNCTION emailgw_api.claim_domain_checks(p_limit integer, p_interval_us bigint, p_lease_us bigint)
RETURNS TABLE (account_id bigint, domain_id bigint, lease text, name text, subdomain text, tracking_base_url text,
               mail_host text, tracking_host text, ownership_token text, dkim_selector text, dkim_record text,
               records_version integer)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    WITH due AS (
        SELECT d.account_id, d.domain_id
          FROM domain AS d
         WHERE d.check_base <= now() - make_interval(secs => p_interval_us / 1e6) AND d.deleted_at IS NULL
         ORDER BY d.check_base
         LIMIT p_limit
           FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE domain AS d
       SET check_base = clock_timestamp() + make_interval(secs => (p_lease_us - p_interval_us) / 1e6)
      FROM due AS u
     WHERE d.account_id = u.account_id AND d.domain_id = u.domain_id
    RETURNING d.account_id, d.domain_id, d.check_base::text, d.name, d.subdomain, d.tracking_base_url, d.mail_host,
              d.tracking_host, d.ownership_token, d.dkim_selector, d.dkim_record, d.records_version
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.claim_domain_checks TO emailgw_sender;
