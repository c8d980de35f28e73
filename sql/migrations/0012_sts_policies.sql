-- MTA-STS policies of recipients' domains (RFC 8461): kept for their max_age, so
-- that a sender that starts anew knows them without asking.

SET LOCAL search_path = emailgw, pg_temp;

CREATE TABLE sts_policy (
    domain     text PRIMARY KEY,               -- A-labels
    record_id  text NOT NULL,                  -- of the TXT record that it was fetched for
    mode       text NOT NULL CHECK (mode IN ('none', 'testing', 'enforce')),
    mx         text[] NOT NULL,                -- host names, wildcards with "*." before them
    max_age    interval NOT NULL,
    fetched_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sts_policy_expiry ON sts_policy (expires_at);
