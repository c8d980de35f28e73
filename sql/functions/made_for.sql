-- made_for: the number of the newest migration that these functions know. They and it are
-- built in one transaction, after the migrations, so that a sender which asks for it knows
-- what their rows have; what emailgw.migration has tells nothing of that.
CREATE FUNCTION emailgw_api.made_for()
RETURNS integer
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT 36
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.made_for TO emailgw_sender;
