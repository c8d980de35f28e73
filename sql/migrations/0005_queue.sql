-- The cut-off of a domain's queue; what a mail costs: ids, contents, recipients.
--
-- Each domain counts its epochs; a queue row has the one in which it was
-- queued. To cut a queue off is to begin a new epoch: rows of an earlier one
-- are never claimed again, however many they are, since a claim looks for rows
-- of its domain's epoch only. The sender then takes them out one by one.

SET LOCAL search_path = emailgw, pg_temp;

ALTER TABLE domain ADD COLUMN queue_epoch integer NOT NULL DEFAULT 0;
ALTER TABLE queue ADD COLUMN epoch integer NOT NULL DEFAULT 0;

-- A lane is one domain's mail to one destination, within an epoch.
DROP INDEX queue_ready;
CREATE INDEX queue_ready ON queue (account_id, domain_id, epoch, lane, next_at) WHERE ready;

-- What waits for its SendAt or its next try, by domain.
CREATE INDEX queue_parked ON queue (account_id, domain_id, epoch) WHERE NOT ready AND NOT leased;

-- Domains whose queue was cut off, and when to look next for rows of earlier
-- epochs: an accept that began before may still commit, a mail that was in
-- flight may come back.
CREATE TABLE queue_cutoff (
    account_id bigint NOT NULL,
    domain_id  bigint NOT NULL,
    cut_at     timestamptz NOT NULL DEFAULT now(),
    look_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, domain_id),
    FOREIGN KEY (account_id, domain_id) REFERENCES domain
);
CREATE INDEX queue_cutoff_look ON queue_cutoff (look_at);

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
