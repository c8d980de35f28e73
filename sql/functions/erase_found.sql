-- erase_found: a text in which what a pattern (address_pattern) finds is erased. Twice: where
-- one address stands right behind another, the end of the first is what is before the second.
CREATE FUNCTION emailgw_api.erase_found(p_text text, p_pattern text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT regexp_replace(regexp_replace(p_text, p_pattern, '\1[erased]', 'gi'), p_pattern, '\1[erased]', 'gi')
$$;
