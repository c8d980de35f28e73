-- tag_counts: domain_counts of each tag: how many events its mails have had.
CREATE FUNCTION emailgw_api.tag_counts(p_account_id bigint, p_domain_id bigint, p_from date, p_until date)
RETURNS TABLE (tag text, type integer, count bigint)
LANGUAGE sql STABLE
AS $$
    SELECT a.tag, a.type, sum(a.count)::bigint
      FROM (SELECT c.day, c.type::integer, c.tag, c.count
              FROM emailgw.daily_count AS c
             WHERE c.account_id = p_account_id AND c.domain_id = p_domain_id AND c.tag <> ''
               AND c.day >= coalesce(p_from, '-infinity') AND c.day <= coalesce(p_until, 'infinity')
            UNION ALL
            SELECT (q.queued_at AT TIME ZONE 'UTC')::date, 1, t.tag, count(*)
              FROM emailgw.queue AS q
              JOIN emailgw.message AS m ON m.account_id = q.account_id AND m.message_id = q.message_id
             CROSS JOIN LATERAL unnest(m.tags) AS t (tag)
             WHERE q.account_id = p_account_id AND q.domain_id = p_domain_id AND NOT q.counted
             GROUP BY 1, 3) AS a (day, type, tag, count)
     WHERE a.day >= coalesce(p_from, '-infinity') AND a.day <= coalesce(p_until, 'infinity')
     GROUP BY a.tag, a.type
$$;
