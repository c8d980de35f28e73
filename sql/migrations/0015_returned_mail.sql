-- When a mail came back after it had been taken.

SET LOCAL search_path = emailgw, pg_temp;

ALTER TABLE recipient ADD COLUMN returned_at timestamptz; -- the first time
