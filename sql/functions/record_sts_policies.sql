-- record_sts_policies: MTA-STS policies that were fetched just now, one an element.
--   p_mx       host names with blanks between
--   p_max_age_us  microseconds for which they hold
-- The latest of a domain is kept, and some of those that are over are dropped.
CREATE FUNCTION emailgw_api.record_sts_policies(p_domains text[], p_record_ids text[], p_modes text[], p_mx text[],
                                                p_max_age_us bigint[])
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    DELETE FROM sts_policy AS s
     WHERE s.domain = ANY (ARRAY(SELECT o.domain FROM sts_policy AS o
                                  WHERE o.expires_at <= now() AND o.domain <> ALL (p_domains)
                                  ORDER BY o.expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED));
    INSERT INTO sts_policy AS s (domain, record_id, mode, mx, max_age, fetched_at, expires_at)
    SELECT p.domain, p.record_id, p.mode, string_to_array(p.mx, ' '), p.max_age, now(), now() + p.max_age
      FROM (SELECT a.domain, a.record_id, a.mode, a.mx, make_interval(secs => a.max_age_us / 1e6) AS max_age
              FROM unnest(p_domains, p_record_ids, p_modes, p_mx, p_max_age_us)
                   AS a (domain, record_id, mode, mx, max_age_us)
             ORDER BY a.domain) AS p -- two senders at once take the rows in one order
    ON CONFLICT (domain) DO UPDATE
        SET record_id = excluded.record_id, mode = excluded.mode, mx = excluded.mx, max_age = excluded.max_age,
            fetched_at = excluded.fetched_at, expires_at = excluded.expires_at;
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.record_sts_policies TO emailgw_sender;
