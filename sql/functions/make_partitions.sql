-- make_partitions: sees to it that a partition is there for every moment from
-- two days ago to 28 days ahead. Called by the sender in its rounds, and by the
-- module when an insert found none.
-- Days for what bodies are kept in, weeks (from Monday) for the rest. The table
-- is made apart and then attached, which lets inserts go on.
CREATE FUNCTION emailgw_api.make_partitions()
RETURNS integer -- how many were made
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp SET lock_timeout = '5s'
AS $$
DECLARE
    v_part record;
    v_made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('emailgw partitions'));
    FOR v_part IN
        SELECT t.parent, t.storage, format('%s_%s', t.parent, to_char(s.starts, 'YYYYMMDD')) AS name,
               uuid7_floor(s.starts AT TIME ZONE 'UTC') AS low,
               uuid7_floor((s.starts + t.width) AT TIME ZONE 'UTC') AS high
          FROM (VALUES ('content', interval '1 day', 'day', 'WITH (toast_tuple_target = 4080)'), -- two to a page
                       ('attachment', interval '1 day', 'day', ''),
                       ('message', interval '7 days', 'week', ''),
                       ('recipient', interval '7 days', 'week', 'WITH (fillfactor = 60)'), -- updated once at least
                       ('event', interval '7 days', 'week', ''),
                       ('webhook_delivery', interval '7 days', 'week', ''))
               AS t (parent, width, unit, storage),
               generate_series(date_trunc(t.unit, (now() AT TIME ZONE 'UTC') - interval '2 days'),
                               (now() AT TIME ZONE 'UTC') + interval '28 days', t.width) AS s (starts)
         WHERE to_regclass(format('emailgw.%s_%s', t.parent, to_char(s.starts, 'YYYYMMDD'))) IS NULL
    LOOP
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) %s', v_part.name, v_part.parent, v_part.storage);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       v_part.parent, v_part.name, v_part.low, v_part.high);
        v_made := v_made + 1;
    END LOOP;
    RETURN v_made;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.make_partitions TO emailgw_module, emailgw_sender;
