-- What DNS has of each domain's records, and when that is looked up again.

SET LOCAL search_path = emailgw, pg_temp;

-- mail_host and tracking_host are what the records that were handed out name:
-- they are judged by these, whatever the settings say since. '' is none.
-- A purpose is in records_verified or in records_failed by the last look-up that
-- got an answer, in neither before. Purposes: ownership, DKIM, return path, SPF,
-- tracking, DMARC.
ALTER TABLE domain
    ADD COLUMN mail_host        text NOT NULL DEFAULT '',
    ADD COLUMN tracking_host    text NOT NULL DEFAULT '',
    ADD COLUMN records_version  integer NOT NULL DEFAULT 1, -- another one: other records are to be published
    ADD COLUMN records_verified text[] NOT NULL DEFAULT '{}',
    ADD COLUMN records_failed   text[] NOT NULL DEFAULT '{}',
    ADD COLUMN vouched          boolean NOT NULL DEFAULT false, -- enabled by the operator: not looked up again
    ADD COLUMN checked_at       timestamptz,       -- by the sender, whatever came out
    ADD COLUMN failures         integer NOT NULL DEFAULT 0, -- checks in a row that failed
    ADD COLUMN failing_since    timestamptz,       -- the first of them, moved by the time that does not count
    ADD COLUMN check_base       timestamptz;       -- due an interval after it; NULL: not checked

UPDATE domain SET vouched = true WHERE status = 'Enabled'; -- nobody else enabled any so far

CREATE INDEX domain_check ON domain (check_base) WHERE check_base IS NOT NULL AND deleted_at IS NULL;
