-- What a mail costs: ids, contents and recipients.

SET LOCAL search_path = emailgw, pg_temp;

-- As before, from one random UUIDv4 instead of two: bits 52 and 53 make its
-- version 4 a 7.
CREATE OR REPLACE FUNCTION uuid7(p_at timestamptz) RETURNS uuid
LANGUAGE sql VOLATILE STRICT PARALLEL SAFE
AS $$
    SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
                                          PLACING substring(int8send(floor(extract(epoch FROM p_at) * 1000)::bigint) FROM 3)
                                          FROM 1 FOR 6),
                                  52, 1), 53, 1), 'hex')::uuid
$$;

-- Contents are written and read once or a few times and kept for days: LZ4 where
-- the server has it, which packs in a seventh of the time, though half as tight;
-- and up to half a page each in the row itself rather than in a table beside.
-- Recipients are updated once at least: room for that on their page spares
-- their index. New partitions are made so by emailgw_api.make_partitions.
DO $$
DECLARE
    v_table regclass;
BEGIN
    FOR v_table IN SELECT 'content'::regclass UNION ALL
                   SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = 'content'::regclass LOOP
        BEGIN
            EXECUTE format('ALTER TABLE %s ALTER COLUMN html SET COMPRESSION lz4, '
                           'ALTER COLUMN plain SET COMPRESSION lz4', v_table);
        EXCEPTION WHEN feature_not_supported THEN
            NULL; -- built without
        END;
    END LOOP;
    FOR v_table IN SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = 'content'::regclass LOOP
        EXECUTE format('ALTER TABLE %s SET (toast_tuple_target = 4080)', v_table);
    END LOOP;
    FOR v_table IN SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = 'recipient'::regclass LOOP
        EXECUTE format('ALTER TABLE %s SET (fillfactor = 60)', v_table);
    END LOOP;
END
$$;
