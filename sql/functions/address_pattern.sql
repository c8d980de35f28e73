-- address_pattern: address_letters where it is not the end or the beginning of another
-- address.
CREATE FUNCTION emailgw_api.address_pattern(p_address text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT '(?:(?<![[:alnum:]._+-])|(?<=%[0-9a-f]{2})|(?<=\\[bfnrt]))' || emailgw_api.address_letters(p_address)
           || '(?![[:alnum:]-]|\.[[:alnum:]])'
$$;
