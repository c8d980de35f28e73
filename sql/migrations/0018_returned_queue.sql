-- Mails that came back to httpd by SMTP, from before they are acknowledged until a
-- sender has recorded what they say.
--
-- A row is one mail at one return path; the same mail sent once more while it waits
-- is the same row. due_at is also the end of the lease of the sender that has it, and
-- the fence: only who holds the current one may write a result. attempts counts
-- leases, so that a mail that no sender survives is set aside after some.

SET LOCAL search_path = emailgw, pg_temp;

CREATE TABLE returned_queue (
    account_id   bigint NOT NULL,
    message_id   uuid NOT NULL,                -- of the mail that was sent
    recipient_no integer NOT NULL,
    digest       bytea NOT NULL,               -- SHA-256 of the mail that came back
    host         text NOT NULL,                -- domain of the return path
    mail         bytea NOT NULL,
    came_at      timestamptz NOT NULL DEFAULT now(),
    due_at       timestamptz NOT NULL DEFAULT now(),
    attempts     smallint NOT NULL DEFAULT 0,
    set_aside_at timestamptz,                  -- no sender takes it any more
    PRIMARY KEY (account_id, message_id, recipient_no, digest)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX returned_queue_due ON returned_queue (due_at) WHERE set_aside_at IS NULL;
CREATE INDEX returned_queue_set_aside ON returned_queue (set_aside_at) WHERE set_aside_at IS NOT NULL;

-- Written and read once: LZ4 where the server has it.
DO $$
BEGIN
    ALTER TABLE returned_queue ALTER COLUMN mail SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL; -- built without
END;
$$;
