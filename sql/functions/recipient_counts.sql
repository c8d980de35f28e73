-- recipient_counts: what became of a domain's mails to each domain, by the events with
-- ids from p_low on and below p_high. Seconds are from the moment when a mail was to be
-- sent to its delivery; histogram counts deliveries of up to 1, 5, 10, 30 seconds, 1, 5,
-- 15 minutes, 1, 6, 24 hours, and of more.
CREATE FUNCTION emailgw_api.recipient_counts(p_account_id bigint, p_domain_id bigint, p_low uuid, p_high uuid)
RETURNS TABLE (recipient_domain text, sent bigint, delivered bigint, failed bigint, seconds_sum double precision,
               seconds_min double precision, seconds_max double precision, histogram bigint[])
LANGUAGE sql STABLE
AS $$
    SELECT s.recipient_domain, count(*) FILTER (WHERE s.type = 1), count(*) FILTER (WHERE s.type = 2),
           count(*) FILTER (WHERE s.type = 4), coalesce(sum(s.seconds), 0), min(s.seconds), max(s.seconds),
           ARRAY[count(*) FILTER (WHERE s.slot = 0), count(*) FILTER (WHERE s.slot = 1), count(*) FILTER (WHERE s.slot = 2),
                 count(*) FILTER (WHERE s.slot = 3), count(*) FILTER (WHERE s.slot = 4), count(*) FILTER (WHERE s.slot = 5),
                 count(*) FILTER (WHERE s.slot = 6), count(*) FILTER (WHERE s.slot = 7), count(*) FILTER (WHERE s.slot = 8),
                 count(*) FILTER (WHERE s.slot = 9), count(*) FILTER (WHERE s.slot = 10)]
      FROM (SELECT t.*, width_bucket(t.seconds - 1e-6, '{1,5,10,30,60,300,900,3600,21600,86400}'::double precision[]) AS slot
              FROM (SELECT split_part(e.email, '@', -1) AS recipient_domain, e.type,
                           CASE WHEN e.type = 2
                                THEN greatest(extract(epoch FROM e.at - coalesce(m.due, emailgw.uuid7_time(e.message_id)))
                                              ::double precision, 0) END AS seconds
                      FROM emailgw.event AS e
                      LEFT JOIN LATERAL (SELECT greatest(m.accepted_at, m.send_at) AS due FROM emailgw.message AS m
                                          WHERE e.type = 2 AND m.account_id = p_account_id AND m.message_id = e.message_id
                                         OFFSET 0) AS m ON true
                     WHERE e.account_id = p_account_id AND e.domain_id = p_domain_id AND e.event_id >= p_low AND e.event_id < p_high
                       AND e.type IN (1, 2, 4)
                    OFFSET 0) AS t -- worked out once each, not again where they are named
            OFFSET 0) AS s
     GROUP BY s.recipient_domain
$$;
