-- Webhooks, what is to be posted to them, and what became of each post.

SET LOCAL search_path = emailgw, pg_temp;

CREATE SEQUENCE webhook_id_seq INCREMENT BY 64 MINVALUE 1 MAXVALUE 9007199254740991;

CREATE TYPE webhook_status AS ENUM ('Active', 'Disabled');

CREATE TABLE webhook (
    account_id      bigint NOT NULL,
    webhook_id      bigint NOT NULL DEFAULT nextval('emailgw.webhook_id_seq'),
    domain_id       bigint NOT NULL,
    url             text NOT NULL,             -- judged by its text (core/url.h)
    events          smallint[] NOT NULL,       -- core/eventtype.h, in that order
    status          webhook_status NOT NULL DEFAULT 'Active',
    failing_since   timestamptz,               -- no post has succeeded since then; NULL: the last one did
    disabled_at     timestamptz,
    disabled_reason text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    PRIMARY KEY (account_id, webhook_id),
    FOREIGN KEY (account_id, domain_id) REFERENCES domain
);
CREATE INDEX webhook_domain ON webhook (account_id, domain_id) WHERE deleted_at IS NULL;

-- What the domain's active webhooks want to know, all together: so that mail of
-- a domain without webhooks costs nothing here. Kept right by refresh_webhooks.
ALTER TABLE domain ADD COLUMN webhook_events smallint[] NOT NULL DEFAULT '{}';

-- Like emailgw.queue: a row is ready, or waits for its next try or for the end
-- of a lease; attempt is the fence and grows with every lease, tries counts the
-- posts that failed. A lane is one webhook.
CREATE TABLE webhook_queue (
    account_id  bigint NOT NULL,
    webhook_id  bigint NOT NULL,
    event_id    uuid NOT NULL,
    domain_id   bigint NOT NULL,
    message_id  uuid NOT NULL,
    ready       boolean NOT NULL DEFAULT true,
    leased      boolean NOT NULL DEFAULT false,
    next_at     timestamptz NOT NULL DEFAULT now(),
    attempt     integer NOT NULL DEFAULT 0,
    tries       smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, webhook_id, event_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX webhook_queue_ready ON webhook_queue (webhook_id, next_at) WHERE ready;
CREATE INDEX webhook_queue_waiting ON webhook_queue (next_at) WHERE NOT ready;

CREATE TYPE webhook_state AS ENUM ('pending', 'delivered', 'failed');

-- One row for an event and a webhook from the first try on; before that the
-- queue has it. Partitioned by the event's time.
CREATE TABLE webhook_delivery (
    account_id  bigint NOT NULL,
    webhook_id  bigint NOT NULL,
    event_id    uuid NOT NULL,
    state       webhook_state NOT NULL,
    tries       smallint NOT NULL,
    status_code smallint,                      -- of the last answer, NULL where there was none
    error       text,                          -- why the last try failed
    first_at    timestamptz NOT NULL DEFAULT now(),
    last_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, webhook_id, event_id)
) PARTITION BY RANGE (event_id);
