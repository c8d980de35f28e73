-- aggr_events: AggrEvents: the events of a domain and period by one of their
-- properties: the p_size most frequent values, ties in the order of the values.
--   p_field         eventType, day, tag: from the counters, which are kept; hour,
--                   recipientDomain, bounceType, bounceReason, mxHost, smtpCode,
--                   linkURL: from the events that there are, or their days' digests
--   p_from, p_until days (UTC), both included; NULL is open
--   p_type_names    the name of each type of event, in order
-- One row at least: status (0; 2: no such domain; 116: more events would have to
-- be read than may be, doc_count of them); key is NULL where there is none.
CREATE FUNCTION emailgw_api.aggr_events(p_account_id bigint, p_domain_id bigint, p_field text, p_from date, p_until date,
                                        p_size integer, p_type_names text[])
RETURNS TABLE (status integer, key text, doc_count bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp SET plan_cache_mode = force_custom_plan
    SET jit = off SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
AS $$
#variable_conflict use_column
DECLARE
    v_counted boolean := p_field IN ('eventType', 'day', 'tag');
    v_types CONSTANT smallint[] := emailgw_api.types_with_value(p_field);
    v_digested date[] := '{}';
BEGIN
    status := 0;
    IF NOT EXISTS (SELECT FROM domain AS d
                    WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL) THEN
        status := 2;
    ELSIF NOT v_counted THEN
        IF p_field IN ('hour', 'recipientDomain', 'mxHost', 'smtpCode') THEN
            v_digested := ARRAY(SELECT emailgw_api.digested_days(p_account_id, p_domain_id, p_from, p_until));
        END IF;
        doc_count := emailgw_api.events_to_read(p_account_id, p_domain_id, p_from, p_until, v_types, v_digested);
        status := CASE WHEN doc_count IS NULL THEN 0 ELSE 116 END;
    END IF;
    IF status <> 0 THEN
        RETURN NEXT;
        RETURN;
    END IF;

    RETURN QUERY
    SELECT 0, b.key, b.count
      FROM (SELECT) AS always
      LEFT JOIN (SELECT k.key, sum(k.count)::bigint AS count
                   FROM (SELECT CASE p_field WHEN 'day' THEN to_char(d.day, 'YYYY-MM-DD')
                                             ELSE p_type_names[d.type] END AS key, d.count
                           FROM emailgw_api.domain_counts(p_account_id, p_domain_id, p_from, p_until) AS d
                          WHERE p_field IN ('eventType', 'day') AND d.type < 100
                         UNION ALL
                         SELECT t.tag, t.count
                           FROM emailgw_api.tag_counts(p_account_id, p_domain_id, p_from, p_until) AS t
                          WHERE p_field = 'tag' AND t.type < 100
                         UNION ALL
                         SELECT g.value, g.count
                           FROM digest_value AS g
                          WHERE g.account_id = p_account_id AND g.domain_id = p_domain_id AND g.field = p_field
                            AND g.day = ANY (v_digested)
                         UNION ALL
                         SELECT emailgw_api.event_value(p_field, e.at, e.email, e.detail), 1
                           FROM emailgw_api.undigested_ids(p_from, p_until, v_digested) AS i
                          CROSS JOIN LATERAL ( -- one range of ids after the other
                                SELECT l.* FROM event AS l
                                 WHERE l.account_id = p_account_id AND l.domain_id = p_domain_id
                                   AND l.event_id >= i.low AND l.event_id < i.high
                                   AND (v_types IS NULL OR l.type = ANY (v_types)) OFFSET 0) AS e
                          WHERE NOT v_counted) AS k (key, count)
                  WHERE k.key <> ''
                  GROUP BY k.key
                  ORDER BY 2 DESC, k.key COLLATE "C"
                  LIMIT p_size) AS b ON true
     ORDER BY b.count DESC, b.key COLLATE "C";
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.aggr_events TO emailgw_module;
