-- tag_counts: period_counts of each tag: how many events its mails have had.
CREATE FUNCTION emailgw_api.tag_counts(p_account_id bigint, p_domain_id bigint, p_from date, p_until date)
RETURNS TABLE (tag text, type integer, count bigint)
LANGUAGE sql STABLE
AS $$
    SELECT a.tag, a.type, sum(a.count)::bigint
      FROM (SELECT c.type::integer, c.tag, c.count
              FROM emailgw_api.spans_of_days(coalesce(p_from, '1970-01-01'), coalesce(p_until, '9999-12-31')) AS s
              JOIN emailgw.closed_count AS c ON c.span = s.span AND c.starts >= s.low AND c.starts < s.high
             WHERE c.account_id = p_account_id AND c.domain_id = p_domain_id AND c.tag <> ''
            UNION ALL
            SELECT c.type::integer, c.tag, c.count
              FROM emailgw.daily_count AS c
             WHERE c.account_id = p_account_id AND c.domain_id = p_domain_id AND c.tag <> ''
               AND c.day >= coalesce(p_from, '-infinity') AND c.day <= coalesce(p_until, 'infinity')
            UNION ALL
            SELECT 1, t.tag, count(*)
              FROM emailgw.queue AS q
              JOIN emailgw.message AS m ON m.account_id = q.account_id AND m.message_id = q.message_id
             CROSS JOIN LATERAL unnest(m.tags) AS t (tag)
             WHERE q.account_id = p_account_id AND q.domain_id = p_domain_id AND NOT q.counted
               AND (q.queued_at AT TIME ZONE 'UTC')::date >= coalesce(p_from, '-infinity')
               AND (q.queued_at AT TIME ZONE 'UTC')::date <= coalesce(p_until, 'infinity')
             GROUP BY t.tag) AS a (type, tag, count)
     GROUP BY a.tag, a.type
$$;
