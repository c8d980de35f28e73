-- erase_in_json: a value in whose texts what a pattern (address_pattern) finds is erased.
CREATE FUNCTION emailgw_api.erase_in_json(p_value jsonb, p_pattern text)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT CASE jsonb_typeof(p_value)
           WHEN 'string' THEN to_jsonb(emailgw_api.erase_found(p_value #>> '{}', p_pattern))
           WHEN 'array' THEN (SELECT coalesce(jsonb_agg(emailgw_api.erase_in_json(a.value, p_pattern) ORDER BY a.n), '[]')
                                FROM jsonb_array_elements(p_value) WITH ORDINALITY AS a (value, n))
           WHEN 'object' THEN (SELECT coalesce(jsonb_object_agg(o.key, emailgw_api.erase_in_json(o.value, p_pattern)), '{}')
                                 FROM jsonb_each(p_value) AS o)
           ELSE p_value END
$$;
