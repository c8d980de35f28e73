-- The answer to a whole batch, kept under its idempotency key.

SET LOCAL search_path = emailgw, pg_temp;

ALTER TABLE idempotency ADD COLUMN answer text, -- of endpoint batch, once it is known; else NULL
                        ALTER COLUMN message_id DROP NOT NULL; -- NULL: of endpoint batch
