-- Mail, its recipients and contents, the queue, events, usage and counters.
--
-- Tables by lifetime:
--   message, recipient   what was accepted and what became of it: as long as events
--   content, attachment  bodies: days, by partition
--   queue                only what is still to be sent: small and hot
--   event                weeks, by partition
--   daily_count          kept
-- Partitions go by the UUIDv7's time (emailgw_api.keep_partitions).

SET LOCAL search_path = emailgw, pg_temp;

CREATE TABLE message (
    account_id      bigint NOT NULL,
    message_id      uuid NOT NULL,
    domain_id       bigint NOT NULL,
    api_key_id      bigint NOT NULL,
    from_email      text NOT NULL,
    from_name       text NOT NULL,
    subject         text NOT NULL,
    tags            text[] NOT NULL,
    track_links     boolean,                   -- NULL: as the domain says
    track_opens     boolean,
    send_at         timestamptz,               -- NULL: at once
    list_id         bigint,
    subscriber_id   bigint,
    journey_id      bigint,
    action_id       bigint,
    size_bytes      integer NOT NULL,          -- of content and attachments
    accepted_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, message_id)
) PARTITION BY RANGE (message_id);

CREATE TABLE content (
    account_id  bigint NOT NULL,
    message_id  uuid NOT NULL,
    mail_to     jsonb NOT NULL,                -- [{"email", "name"}] as shown to all
    mail_cc     jsonb NOT NULL,
    reply_to    jsonb NOT NULL,
    headers     jsonb NOT NULL,                -- [["name", "value"]], in the order given
    html        text,
    plain       text,
    PRIMARY KEY (account_id, message_id)
) PARTITION BY RANGE (message_id);

CREATE TABLE attachment (
    account_id    bigint NOT NULL,
    message_id    uuid NOT NULL,
    attachment_no smallint NOT NULL,
    filename      text NOT NULL,
    content_type  text NOT NULL,
    disposition   text NOT NULL,
    content_id    text,
    content       bytea NOT NULL,
    PRIMARY KEY (account_id, message_id, attachment_no)
) PARTITION BY RANGE (message_id);
ALTER TABLE attachment ALTER COLUMN content SET STORAGE EXTERNAL; -- mostly compressed already

CREATE TYPE recipient_kind AS ENUM ('to', 'cc', 'bcc');
CREATE TYPE recipient_status AS ENUM ('queued', 'delivered', 'bounced', 'expired', 'suppressed', 'cancelled');

CREATE TABLE recipient (
    account_id   bigint NOT NULL,
    message_id   uuid NOT NULL,
    recipient_no smallint NOT NULL,
    kind         recipient_kind NOT NULL,
    email        text NOT NULL,
    status       recipient_status NOT NULL DEFAULT 'queued',
    attempts     smallint NOT NULL DEFAULT 0,      -- those with a result
    finished_at  timestamptz,
    PRIMARY KEY (account_id, message_id, recipient_no)
) PARTITION BY RANGE (message_id);

-- A row is either ready, and in the lane index, or waits for next_at: for its
-- SendAt, its next try, or the end of the lease of the sender that has it, so
-- that a dead sender's rows come back by themselves. A lane is one account's
-- mail to one destination. attempt is the fence, it grows with every lease: only
-- who holds the current one may write a result, also after the lease's end as
-- long as no other has taken the row (leased stays until then).
CREATE TABLE queue (
    account_id       bigint NOT NULL,
    message_id       uuid NOT NULL,
    recipient_no     smallint NOT NULL,
    domain_id        bigint NOT NULL,
    email            text NOT NULL,
    lane             integer NOT NULL,         -- hash of the recipient's domain
    ready            boolean NOT NULL,
    leased           boolean NOT NULL DEFAULT false,
    next_at          timestamptz NOT NULL,
    attempt          integer NOT NULL DEFAULT 0,
    counted          boolean NOT NULL DEFAULT false, -- its send event is in daily_count
    size_bytes       integer NOT NULL,
    queued_at        timestamptz NOT NULL DEFAULT now(),
    first_attempt_at timestamptz,
    PRIMARY KEY (account_id, message_id, recipient_no)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX queue_ready ON queue (account_id, lane, next_at) WHERE ready;
CREATE INDEX queue_waiting ON queue (next_at) WHERE NOT ready;

CREATE TABLE event (
    account_id   bigint NOT NULL,
    domain_id    bigint NOT NULL,
    event_id     uuid NOT NULL,
    type         smallint NOT NULL,            -- core/eventtype.h
    at           timestamptz NOT NULL,
    message_id   uuid NOT NULL,
    recipient_no smallint NOT NULL,
    email        text NOT NULL,
    detail       jsonb,                        -- {"smtp": {}, "bounce": {}, "url", "ua", "ip", "machine"}
    PRIMARY KEY (account_id, domain_id, event_id)
) PARTITION BY RANGE (event_id);
CREATE INDEX event_message ON event (account_id, message_id);

-- One answer to one idempotency key for 24 hours. Not partitioned: the key
-- must be unique over all of them.
CREATE TABLE idempotency (
    account_id bigint NOT NULL,
    domain_id  bigint NOT NULL,
    endpoint   text NOT NULL,
    key_hash   bytea NOT NULL,
    body_hash  bytea NOT NULL,
    message_id uuid NOT NULL,                  -- the first answer
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, domain_id, endpoint, key_hash)
);
CREATE INDEX idempotency_created ON idempotency (created_at);

-- What a limited account has sent, in several slots a period, so that
-- concurrent requests do not wait for one row.
CREATE TABLE usage (
    account_id bigint NOT NULL,
    period     "char" NOT NULL,                -- h, d, m
    starts_at  timestamptz NOT NULL,
    slot       smallint NOT NULL,
    sent       bigint NOT NULL,
    PRIMARY KEY (account_id, period, starts_at, slot)
) WITH (fillfactor = 50);

-- Events a day, domain, type and tag ('' is all of them), in slots; written by
-- the sender with the batch that made the events.
CREATE TABLE daily_count (
    account_id bigint NOT NULL,
    domain_id  bigint NOT NULL,
    day        date NOT NULL,                  -- UTC
    type       smallint NOT NULL,
    tag        text NOT NULL,
    slot       smallint NOT NULL,
    count      bigint NOT NULL,
    PRIMARY KEY (account_id, domain_id, day, type, tag, slot)
) WITH (fillfactor = 50);

-- A UUIDv7 of a given time (RFC 9562 section 5.7): random in its last 74 bits.
CREATE FUNCTION uuid7(p_at timestamptz) RETURNS uuid
LANGUAGE sql VOLATILE STRICT PARALLEL SAFE
AS $$
    SELECT encode(set_byte(overlay(uuid_send(gen_random_uuid())
                                   PLACING substring(int8send(floor(extract(epoch FROM p_at) * 1000)::bigint) FROM 3)
                                   FROM 1 FOR 6),
                           6, 112 | (get_byte(uuid_send(gen_random_uuid()), 6) & 15)), 'hex')::uuid
$$;

-- The smallest UUIDv7 of a time, as a partition bound or the end of a search.
CREATE FUNCTION uuid7_floor(p_at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT (lpad(to_hex(floor(extract(epoch FROM p_at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
$$;

-- The time that a UUIDv7 carries.
CREATE FUNCTION uuid7_time(p_id uuid) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT to_timestamp((('x' || lpad(left(replace(p_id::text, '-', ''), 12), 16, '0'))::bit(64)::bigint) / 1000.0)
$$;
