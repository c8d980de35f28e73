-- recipient_stats: RecipientDomainStats and ListRecipientDomains: what became of a
-- domain's mails of a period to one domain of recipients, or to each, most sends first.
--   p_from, p_until  see stats_period
--   p_recipient_domain  this one alone; NULL: p_count of them from p_start on
-- pending is what is in the queue now, whenever it was accepted. seconds and histogram:
-- see recipient_counts; average, minimum and maximum are NULL where nothing was
-- delivered.
-- One row at least: status (0; 2: no such domain; 116: more events would have to be read
-- than may be, total of them) and total: of how many recipient domains there is
-- something; recipient_domain is NULL where there is none on this page.
CREATE FUNCTION emailgw_api.recipient_stats(p_account_id bigint, p_domain_id bigint, p_from date, p_until date,
                                            p_recipient_domain text, p_start bigint, p_count integer)
RETURNS TABLE (status integer, total bigint, recipient_domain text, sent bigint, delivered bigint, failed bigint, pending bigint,
               seconds_average double precision, seconds_min double precision, seconds_max double precision, histogram jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp SET plan_cache_mode = force_custom_plan
    SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
AS $$
#variable_conflict use_column
DECLARE
    v_period record;
    v_digested date[];
BEGIN
    SELECT * INTO v_period FROM emailgw_api.stats_period(p_from, p_until);
    IF NOT EXISTS (SELECT FROM domain AS d
                    WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL) THEN
        status := 2;
    ELSE
        v_digested := ARRAY(SELECT emailgw_api.digested_days(p_account_id, p_domain_id, v_period.first, v_period.last));
        total := emailgw_api.events_to_read(p_account_id, p_domain_id, v_period.first, v_period.last, '{1,2,4}', v_digested);
        status := CASE WHEN total IS NULL THEN 0 ELSE 116 END;
    END IF;
    IF status <> 0 THEN
        RETURN NEXT;
        RETURN;
    END IF;
    RETURN QUERY
    WITH part AS (
        SELECT g.recipient_domain, g.sent, g.delivered, g.failed, 0::bigint AS pending, g.seconds_sum, g.seconds_min, g.seconds_max,
               g.histogram
          FROM digest_recipient AS g
         WHERE g.account_id = p_account_id AND g.domain_id = p_domain_id AND g.day = ANY (v_digested)
           AND (p_recipient_domain IS NULL OR g.recipient_domain = p_recipient_domain)
        UNION ALL
        SELECT c.recipient_domain, c.sent, c.delivered, c.failed, 0, c.seconds_sum, c.seconds_min, c.seconds_max, c.histogram
          FROM emailgw_api.undigested_ids(v_period.first, v_period.last, v_digested) AS i
         CROSS JOIN LATERAL emailgw_api.recipient_counts(p_account_id, p_domain_id, i.low, i.high) AS c
         WHERE p_recipient_domain IS NULL OR c.recipient_domain = p_recipient_domain
        UNION ALL
        SELECT split_part(q.email, '@', -1), 0, 0, 0, count(*), 0, NULL, NULL, '{}'
          FROM queue AS q
         WHERE q.account_id = p_account_id AND q.domain_id = p_domain_id
           AND (p_recipient_domain IS NULL OR split_part(q.email, '@', -1) = p_recipient_domain)
         GROUP BY 1
    ), whole AS (
        SELECT p.recipient_domain, sum(p.sent)::bigint AS sent, sum(p.delivered)::bigint AS delivered, sum(p.failed)::bigint AS failed,
               sum(p.pending)::bigint AS pending, sum(p.seconds_sum) / nullif(sum(p.delivered), 0) AS average,
               min(p.seconds_min) AS seconds_min, max(p.seconds_max) AS seconds_max, count(*) OVER () AS total
          FROM part AS p
         GROUP BY p.recipient_domain
        HAVING sum(p.sent + p.delivered + p.failed + p.pending) > 0
    ), slots AS (
        SELECT jsonb_agg(s.count ORDER BY s.slot) AS histogram
          FROM (SELECT h.slot, sum(h.count) AS count FROM part AS p CROSS JOIN LATERAL unnest(p.histogram) WITH ORDINALITY AS h (count, slot)
                 WHERE p_recipient_domain IS NOT NULL GROUP BY h.slot) AS s
    )
    SELECT 0, coalesce(w.total, (SELECT count(*) FROM whole)), w.recipient_domain, w.sent, w.delivered, w.failed, w.pending, w.average,
           w.seconds_min, w.seconds_max, s.histogram
      FROM slots AS s
      LEFT JOIN (SELECT * FROM whole AS w ORDER BY w.sent DESC, w.recipient_domain COLLATE "C" OFFSET p_start LIMIT p_count) AS w ON true
     ORDER BY w.sent DESC, w.recipient_domain COLLATE "C";
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.recipient_stats TO emailgw_module;
