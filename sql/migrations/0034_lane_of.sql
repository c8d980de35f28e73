-- Which lane of the queue a destination has. Lanes are held for all accounts alike, while a destination cannot be
-- reached: who could work out two domains with the same one could hold up mail to the other. Hence each database has
-- numbers of its own. What is queued already keeps its lanes.

SET LOCAL search_path = emailgw, pg_temp;

DO $do$
BEGIN
    EXECUTE format(
        $create$
        CREATE FUNCTION lane_of(p_domain text)
        RETURNS integer
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN ('x' || left(md5(%L || p_domain), 8))::bit(32)::integer
        $create$, gen_random_uuid());
END
$do$;
