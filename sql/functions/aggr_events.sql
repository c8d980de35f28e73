-- aggr_events: AggrEvents: the events of a domain and period by one of their
-- properties: the p_size most frequent values, ties in the order of the values.
--   p_field         eventType, day, tag: from the counters, which are kept; hour,
--                   recipientDomain, bounceType, bounceReason, mxHost, smtpCode,
--                   linkURL: from the events that there are
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
    v_types smallint[] := CASE WHEN p_field IN ('bounceType', 'bounceReason') THEN '{4}'
                               WHEN p_field IN ('mxHost', 'smtpCode') THEN '{2,3,4}'
                               WHEN p_field = 'linkURL' THEN '{8}' END;
    v_low uuid;
    v_high uuid;
BEGIN
    status := 0;
    IF NOT EXISTS (SELECT FROM domain AS d
                    WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL) THEN
        status := 2;
    ELSIF NOT v_counted THEN
        doc_count := emailgw_api.events_to_read(p_account_id, p_domain_id, p_from, p_until, v_types);
        status := CASE WHEN doc_count IS NULL THEN 0 ELSE 116 END;
    END IF;
    IF status <> 0 THEN
        RETURN NEXT;
        RETURN;
    END IF;

    SELECT i.low, i.high INTO v_low, v_high FROM emailgw_api.ids_of_days(p_from, p_until) AS i;
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
                         SELECT CASE p_field
                                WHEN 'hour' THEN to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:00"Z"')
                                WHEN 'recipientDomain' THEN split_part(e.email, '@', -1)
                                WHEN 'bounceType' THEN e.detail #>> '{bounce,class}'
                                WHEN 'bounceReason' THEN coalesce(nullif(emailgw_api.event_reason(e.detail), ''),
                                                                  e.detail #>> '{bounce,class}')
                                WHEN 'mxHost' THEN e.detail #>> '{smtp,host}'
                                WHEN 'smtpCode' THEN e.detail #>> '{smtp,code}'
                                WHEN 'linkURL' THEN e.detail ->> 'url' END, 1
                           FROM event AS e
                          WHERE NOT v_counted AND e.account_id = p_account_id AND e.domain_id = p_domain_id
                            AND e.event_id >= v_low AND e.event_id < v_high
                            AND (v_types IS NULL OR e.type = ANY (v_types))) AS k
                  WHERE k.key <> ''
                  GROUP BY k.key
                  ORDER BY 2 DESC, k.key COLLATE "C"
                  LIMIT p_size) AS b ON true
     ORDER BY b.count DESC, b.key COLLATE "C";
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.aggr_events TO emailgw_module;
