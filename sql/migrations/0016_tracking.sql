-- When a recipient asked not to be written to any more.

SET LOCAL search_path = emailgw, pg_temp;

ALTER TABLE recipient ADD COLUMN unsubscribed_at timestamptz; -- the first time

COMMENT ON COLUMN recipient.opened_at IS 'the first open by a person';
COMMENT ON COLUMN recipient.clicked_at IS 'the first click by a person';
COMMENT ON COLUMN suppression.reason IS 'bounce, complaint, unsubscribe (of one domain), or what the operator says';
