-- add_counts: two reports of erase_step in one: what both count is added up.
CREATE FUNCTION emailgw_api.add_counts(p_counts jsonb, p_more jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT coalesce(jsonb_object_agg(c.key, c.count), '{}')
      FROM (SELECT e.key, sum(e.value::bigint) AS count
              FROM (SELECT * FROM jsonb_each_text(p_counts) UNION ALL SELECT * FROM jsonb_each_text(p_more)) AS e
             GROUP BY e.key) AS c
$$;
