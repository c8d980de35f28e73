-- What GetEvents, AggrEvents and DomainStats stand on.

SET LOCAL search_path = emailgw, pg_temp;

-- Sends and deliveries, which are most events, are found well enough in the
-- order of time. All else is rare: nothing here is written when a mail is
-- accepted or delivered.
CREATE INDEX event_rare ON event (account_id, domain_id, type, event_id) WHERE type > 2;

-- The totals alone: a domain has as many rows again for each of its tags.
CREATE INDEX daily_total ON daily_count (account_id, domain_id, day, type) WHERE tag = '';

-- When the recipient was first seen to open, and to click.
ALTER TABLE recipient ADD COLUMN opened_at timestamptz, ADD COLUMN clicked_at timestamptz;

COMMENT ON COLUMN daily_count.type IS 'core/eventtype.h; 100 more: the first of that type of a recipient';

-- What a domain has queued and no counter knows of yet: read with the counters.
CREATE INDEX queue_uncounted ON queue (account_id, domain_id) WHERE NOT counted;
