-- get_sts_policies: the stored MTA-STS policies of these domains that still hold.
--   age_us, left_us, max_age_us  microseconds: since it was fetched, until it is over
--   mx                           host names with blanks between
CREATE FUNCTION emailgw_api.get_sts_policies(p_domains text[])
RETURNS TABLE (domain text, record_id text, mode text, mx text, max_age_us bigint, age_us bigint, left_us bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT s.domain, s.record_id, s.mode, array_to_string(s.mx, ' '),
           (extract(epoch FROM s.max_age) * 1e6)::bigint,
           greatest((extract(epoch FROM now() - s.fetched_at) * 1e6)::bigint, 0),
           (extract(epoch FROM s.expires_at - now()) * 1e6)::bigint
      FROM sts_policy AS s
     WHERE s.domain = ANY (p_domains) AND s.expires_at > now()
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_sts_policies TO emailgw_sender;
