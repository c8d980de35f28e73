-- Counters of days that are over: a year of them is read at once.

SET LOCAL search_path = emailgw, pg_temp;

-- Rows of daily_count whose day is over are moved here by the sender
-- (emailgw_api.close_counts), their slots added up; what comes late is in
-- daily_count until it is moved, too. So both together are what there was.
CREATE TABLE closed_count (
    account_id bigint NOT NULL,
    domain_id  bigint NOT NULL,                -- 0: of all of the account's, by days and without tags
    span       "char" NOT NULL,                -- d: a day, m: the sum of a month
    starts     date NOT NULL,                  -- UTC
    type       smallint NOT NULL,              -- as in daily_count
    tag        text NOT NULL,
    count      bigint NOT NULL,
    PRIMARY KEY (account_id, domain_id, span, starts, type, tag)
);

-- The totals alone: a domain has as many rows again for each of its tags.
CREATE INDEX closed_total ON closed_count (account_id, domain_id, span, starts, type) INCLUDE (count) WHERE tag = '';

-- What is to be moved. Counting changes no column of it, so that it is written once a row.
CREATE INDEX daily_day ON daily_count (day);
