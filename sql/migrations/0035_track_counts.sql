-- How many opens and clicks of a recipient are events: whoever holds one mail can ask for its links without end.

SET LOCAL search_path = emailgw, pg_temp;

ALTER TABLE recipient ADD COLUMN opens smallint, ADD COLUMN clicks smallint; -- NULL: none

COMMENT ON COLUMN recipient.opens IS 'events of that type, up to where record_tracks stops';
COMMENT ON COLUMN recipient.clicks IS 'events of that type, up to where record_tracks stops';
