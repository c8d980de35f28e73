-- is_within: is a domain name p_domain itself or below it? Both are A-labels.
CREATE FUNCTION emailgw_api.is_within(p_name text, p_domain text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT right('.' || p_name, length(p_domain) + 1) = '.' || p_domain $$;
