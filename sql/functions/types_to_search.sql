-- types_to_search: the types of events in which a search box's terms can be found: url
-- and ip are of persons' events, reasons of failures.
--   p_type    one type alone, NULL is all
--   p_fields  as in search_events
CREATE FUNCTION emailgw_api.types_to_search(p_type smallint, p_fields smallint[])
RETURNS smallint[] -- NULL: all
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN cardinality(a.types) < 10 THEN a.types END
      FROM (SELECT ARRAY(SELECT t::smallint FROM generate_series(1, 10) AS t
                          WHERE (p_type IS NULL OR t = p_type) AND (NOT p_fields && '{6,7}' OR t >= 7)
                            AND (NOT p_fields && '{8}' OR t BETWEEN 3 AND 6))) AS a (types)
$$;
