-- Digests of days that are over: what would take long to find in their events.
--
-- Made by the sender some time after a day's end (emailgw_api.make_digests), from the
-- events alone: nothing of it is written when a mail is accepted or delivered. A digest
-- holds as long as the counters say that the day has as many events as it was made
-- from. Whoever changes or removes events removes the digest of their day, too: what is
-- not digested is read from the events.

SET LOCAL search_path = emailgw, pg_temp;

CREATE TABLE digest (
    account_id bigint NOT NULL,
    domain_id  bigint NOT NULL,
    day        date NOT NULL,                  -- UTC, of the events' ids
    events     bigint NOT NULL,                -- that it was made from
    PRIMARY KEY (account_id, domain_id, day)
);
CREATE INDEX digest_by_day ON digest (day);

-- The days of which all domains have their digest.
CREATE TABLE digest_day (
    day date NOT NULL PRIMARY KEY
);

-- Texts of events, to be searched through at once: line n of each is that of
-- event_ids[n]. others are the sender's address and name and the tags. Letter case is folded (emailgw_api.fold_text); each text begins
-- and ends with a line feed.
CREATE TABLE digest_texts (
    account_id bigint NOT NULL,
    domain_id  bigint NOT NULL,
    day        date NOT NULL,
    part       integer NOT NULL,
    event_ids  uuid[] NOT NULL,
    types      smallint[] NOT NULL,
    emails     text NOT NULL,
    subjects   text NOT NULL,
    others     text NOT NULL,
    PRIMARY KEY (account_id, domain_id, day, part),
    FOREIGN KEY (account_id, domain_id, day) REFERENCES digest ON DELETE CASCADE
);
ALTER TABLE digest_texts ALTER COLUMN event_ids SET STORAGE EXTERNAL, ALTER COLUMN emails SET STORAGE EXTERNAL,
                         ALTER COLUMN subjects SET STORAGE EXTERNAL; -- reading them must not take the time of unpacking; others are much the same

-- How many events have each value of a property (emailgw_api.event_value).
CREATE TABLE digest_value (
    account_id bigint NOT NULL,
    domain_id  bigint NOT NULL,
    day        date NOT NULL,
    field      text NOT NULL,                  -- hour, recipientDomain, mxHost, smtpCode
    value      text NOT NULL,
    count      bigint NOT NULL,
    PRIMARY KEY (account_id, domain_id, field, day, value),
    FOREIGN KEY (account_id, domain_id, day) REFERENCES digest ON DELETE CASCADE
);
CREATE INDEX digest_value_day ON digest_value (account_id, domain_id, day);

-- What became of mails to each domain, and how long deliveries took.
CREATE TABLE digest_recipient (
    account_id       bigint NOT NULL,
    domain_id        bigint NOT NULL,
    day              date NOT NULL,
    recipient_domain text NOT NULL,
    sent             bigint NOT NULL,
    delivered        bigint NOT NULL,
    failed           bigint NOT NULL,
    seconds_sum      double precision NOT NULL,
    seconds_min      double precision,         -- NULL: no delivery
    seconds_max      double precision,
    histogram        bigint[] NOT NULL,        -- emailgw_api.recipient_counts
    PRIMARY KEY (account_id, domain_id, day, recipient_domain),
    FOREIGN KEY (account_id, domain_id, day) REFERENCES digest ON DELETE CASCADE
);
