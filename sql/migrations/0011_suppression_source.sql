-- What put an address on the suppression list; when a recipient complained.

SET LOCAL search_path = emailgw, pg_temp;

ALTER TABLE suppression
    ADD COLUMN message_id uuid,                -- the mail that bounced or was complained of; NULL: put there by hand
    ADD COLUMN reply text;                     -- what the other side said to it

COMMENT ON COLUMN suppression.reason IS 'bounce, complaint, or what the operator says';

ALTER TABLE recipient ADD COLUMN complained_at timestamptz; -- the first time
