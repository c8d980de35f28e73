-- erased_detail: what may still be told of an event of somebody who was erased: what
-- statistics need, and nothing that anybody wrote, or that names a machine or a page.
CREATE FUNCTION emailgw_api.erased_detail(p_detail jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT coalesce(jsonb_object_agg(d.key, CASE WHEN jsonb_typeof(d.value) = 'object' THEN d.kept ELSE d.value END), '{}')
      FROM (SELECT p.key, p.value,
                   (SELECT coalesce(jsonb_object_agg(o.key, o.value), '{}')
                      FROM jsonb_each(CASE jsonb_typeof(p.value) WHEN 'object' THEN p.value ELSE '{}' END) AS o
                     WHERE o.key IN ('code', 'enhanced', 'stage', 'tls', 'cipher', 'seconds', 'class', 'suppress',
                                     'reported')) AS kept
              FROM jsonb_each(p_detail) AS p
             WHERE p.key IN ('attempt', 'machine', 'ambiguous', 'smtp', 'bounce', 'deferral')) AS d
$$;
