-- add_to_digest: takes the events with ids from p_low on and below p_high into the digest of
-- a domain's day.
CREATE FUNCTION emailgw_api.add_to_digest(p_account_id bigint, p_domain_id bigint, p_day date, p_low uuid, p_high uuid)
RETURNS bigint -- how many there were
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    c_part CONSTANT integer := 4000; -- events in one row of texts
    v_first CONSTANT integer := (SELECT coalesce(max(t.part) + 1, 0) FROM emailgw.digest_texts AS t
                                  WHERE t.account_id = p_account_id AND t.domain_id = p_domain_id AND t.day = p_day);
BEGIN
    INSERT INTO emailgw.digest_texts (account_id, domain_id, day, part, event_ids, types, emails, subjects, others,
                                      email_ends, subject_ends, other_ends)
    SELECT p_account_id, p_domain_id, p_day, l.part, array_agg(l.event_id ORDER BY l.event_id), array_agg(l.type ORDER BY l.event_id),
           E'\n' || string_agg(l.email, E'\n' ORDER BY l.event_id) || E'\n',
           E'\n' || string_agg(l.subject, E'\n' ORDER BY l.event_id) || E'\n',
           E'\n' || string_agg(l.others, E'\n' ORDER BY l.event_id) || E'\n',
           array_agg(1 + l.email_end ORDER BY l.event_id), array_agg(1 + l.subject_end ORDER BY l.event_id),
           array_agg(1 + l.other_end ORDER BY l.event_id)
      FROM (SELECT t.*, sum(octet_length(t.email) + 1) OVER lines AS email_end,
                   sum(octet_length(t.subject) + 1) OVER lines AS subject_end, sum(octet_length(t.others) + 1) OVER lines AS other_end
              FROM (SELECT e.event_id, e.type, emailgw_api.fold_text(replace(e.email, E'\n', E'\r')) AS email,
                           coalesce(emailgw_api.fold_text(replace(m.subject, E'\n', E'\r')), '') AS subject,
                           coalesce(emailgw_api.fold_text(replace(m.others, E'\n', E'\r')), '') AS others,
                           v_first + (row_number() OVER (ORDER BY e.event_id) - 1)::integer / c_part AS part
                      FROM emailgw.event AS e
                      LEFT JOIN LATERAL (SELECT l.subject, concat_ws(E'\r', l.from_email, l.from_name, array_to_string(l.tags, E'\r'))
                                                AS others
                                           FROM emailgw.message AS l
                                          WHERE l.account_id = p_account_id AND l.message_id = e.message_id OFFSET 0) AS m ON true
                     WHERE e.account_id = p_account_id AND e.domain_id = p_domain_id
                       AND e.event_id >= p_low AND e.event_id < p_high) AS t
            WINDOW lines AS (PARTITION BY t.part ORDER BY t.event_id)) AS l
     GROUP BY l.part;
    INSERT INTO emailgw.digest_value AS g (account_id, domain_id, day, field, value, count)
    SELECT p_account_id, p_domain_id, p_day, f.field, v.value, count(*)
      FROM emailgw.event AS e
     CROSS JOIN unnest('{hour,recipientDomain,mxHost,smtpCode}'::text[]) AS f (field)
     CROSS JOIN LATERAL (SELECT emailgw_api.event_value(f.field, e.at, e.email, e.detail)) AS v (value)
     WHERE e.account_id = p_account_id AND e.domain_id = p_domain_id AND e.event_id >= p_low AND e.event_id < p_high
       AND (emailgw_api.types_with_value(f.field) IS NULL OR e.type = ANY (emailgw_api.types_with_value(f.field)))
       AND v.value <> ''
     GROUP BY f.field, v.value
    ON CONFLICT (account_id, domain_id, field, day, value) DO UPDATE SET count = g.count + excluded.count;
    INSERT INTO emailgw.digest_recipient AS g (account_id, domain_id, day, recipient_domain, sent, delivered, failed, seconds_sum,
                                               seconds_min, seconds_max, histogram)
    SELECT p_account_id, p_domain_id, p_day, r.recipient_domain, r.sent, r.delivered, r.failed, r.seconds_sum, r.seconds_min,
           r.seconds_max, r.histogram
      FROM emailgw_api.recipient_counts(p_account_id, p_domain_id, p_low, p_high) AS r
    ON CONFLICT (account_id, domain_id, day, recipient_domain) DO UPDATE
       SET sent = g.sent + excluded.sent, delivered = g.delivered + excluded.delivered, failed = g.failed + excluded.failed,
           seconds_sum = g.seconds_sum + excluded.seconds_sum, seconds_min = least(g.seconds_min, excluded.seconds_min),
           seconds_max = greatest(g.seconds_max, excluded.seconds_max),
           histogram = ARRAY(SELECT a.count + b.count FROM unnest(g.histogram) WITH ORDINALITY AS a (count, n)
                               JOIN unnest(excluded.histogram) WITH ORDINALITY AS b (count, n) ON b.n = a.n ORDER BY a.n);
    RETURN (SELECT coalesce(sum(cardinality(t.event_ids)), 0) FROM emailgw.digest_texts AS t
             WHERE t.account_id = p_account_id AND t.domain_id = p_domain_id AND t.day = p_day AND t.part >= v_first);
END
$$;
