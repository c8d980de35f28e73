-- make_digest: the digest of one domain's day, in place of the one that there was.
CREATE FUNCTION emailgw_api.make_digest(p_account_id bigint, p_domain_id bigint, p_day date)
RETURNS void
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    c_part CONSTANT integer := 4000; -- events in one row of texts
    v_low uuid;
    v_high uuid;
BEGIN
    SELECT i.low, i.high INTO v_low, v_high FROM emailgw_api.ids_of_days(p_day, p_day) AS i;
    DELETE FROM emailgw.digest AS d WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.day = p_day;
    INSERT INTO emailgw.digest (account_id, domain_id, day, events) VALUES (p_account_id, p_domain_id, p_day, 0);
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
                           (row_number() OVER (ORDER BY e.event_id) - 1)::integer / c_part AS part
                      FROM emailgw.event AS e
                      LEFT JOIN LATERAL (SELECT l.subject, concat_ws(E'\r', l.from_email, l.from_name, array_to_string(l.tags, E'\r'))
                                                AS others
                                           FROM emailgw.message AS l
                                          WHERE l.account_id = p_account_id AND l.message_id = e.message_id OFFSET 0) AS m ON true
                     WHERE e.account_id = p_account_id AND e.domain_id = p_domain_id
                       AND e.event_id >= v_low AND e.event_id < v_high) AS t
            WINDOW lines AS (PARTITION BY t.part ORDER BY t.event_id)) AS l
     GROUP BY l.part;
    INSERT INTO emailgw.digest_value (account_id, domain_id, day, field, value, count)
    SELECT p_account_id, p_domain_id, p_day, f.field, v.value, count(*)
      FROM emailgw.event AS e
     CROSS JOIN unnest('{hour,recipientDomain,mxHost,smtpCode}'::text[]) AS f (field)
     CROSS JOIN LATERAL (SELECT emailgw_api.event_value(f.field, e.at, e.email, e.detail)) AS v (value)
     WHERE e.account_id = p_account_id AND e.domain_id = p_domain_id AND e.event_id >= v_low AND e.event_id < v_high
       AND (emailgw_api.types_with_value(f.field) IS NULL OR e.type = ANY (emailgw_api.types_with_value(f.field)))
       AND v.value <> ''
     GROUP BY f.field, v.value;
    INSERT INTO emailgw.digest_recipient
    SELECT p_account_id, p_domain_id, p_day, r.*
      FROM emailgw_api.recipient_counts(p_account_id, p_domain_id, v_low, v_high) AS r;
    UPDATE emailgw.digest AS d
       SET events = (SELECT coalesce(sum(cardinality(t.event_ids)), 0) FROM emailgw.digest_texts AS t
                      WHERE t.account_id = p_account_id AND t.domain_id = p_domain_id AND t.day = p_day)
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.day = p_day;
END
$$;
