-- fold_text: a text as it is compared where letter case does not matter, in any
-- language and whatever the database's locale is. Upper case first: it makes SS of
-- a sharp s. What lower case then still tells apart is made one: the capital sharp
-- s, the sigma at the end of a word, and the dot of a lowered I with dot.
-- ASCII is most of what there is, and has a shorter way to the same.
CREATE FUNCTION emailgw_api.fold_text(p_text text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN octet_length(p_text) = length(p_text) THEN lower(p_text COLLATE "C") COLLATE "default"
                ELSE replace(replace(replace(lower(upper(p_text COLLATE "und-x-icu")), U&'\00DF', 'ss'),
                                     U&'\03C2', U&'\03C3'), U&'i\0307', 'i') COLLATE "default" END
$$;
