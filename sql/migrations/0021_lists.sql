-- Lists of subscribers, one account's for all its domains, and what is sent to them.

SET LOCAL search_path = emailgw, pg_temp;

CREATE SEQUENCE list_id_seq       INCREMENT BY 64 MINVALUE 1 MAXVALUE 9007199254740991;
CREATE SEQUENCE subscriber_id_seq INCREMENT BY 64 MINVALUE 1 MAXVALUE 9007199254740991;

-- A deleted one is gone for all but the sender, which takes its subscribers away bit by bit.
CREATE TABLE list (
    account_id  bigint NOT NULL REFERENCES account,
    list_id     bigint NOT NULL DEFAULT nextval('emailgw.list_id_seq'),
    name        text NOT NULL,
    subscribers integer NOT NULL DEFAULT 0,    -- changed by those alone who have the row locked
    created_at  timestamptz NOT NULL DEFAULT now(),
    deleted_at  timestamptz,
    PRIMARY KEY (account_id, list_id)
);
CREATE INDEX list_deleted ON list (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE subscriber (
    account_id    bigint NOT NULL,
    list_id       bigint NOT NULL,
    subscriber_id bigint NOT NULL DEFAULT nextval('emailgw.subscriber_id_seq'),
    email         text NOT NULL,
    address       text NOT NULL,               -- folded (emailgw.fold_address)
    name          text NOT NULL DEFAULT '',
    fields        json NOT NULL DEFAULT '{}',  -- as given: numbers keep their spelling
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, list_id, subscriber_id),
    UNIQUE (account_id, list_id, address),
    FOREIGN KEY (account_id, list_id) REFERENCES list
);

CREATE TYPE list_job_status AS ENUM ('open', 'finished', 'cancelled');

-- One mail to a list. Its mails are numbered from 1 on in the order of their
-- subscribers; the last 32 bits of their message ids are those numbers, and those of the
-- job's own id are 0 (emailgw_api.list_mail_id). So the ids lie side by side, in
-- the partitions of the job's time, and none can be made twice.
CREATE TABLE list_job (
    account_id     bigint NOT NULL,
    job_id         uuid NOT NULL,
    domain_id      bigint NOT NULL,
    queue_epoch    integer NOT NULL,           -- the domain's when it was accepted
    api_key_id     bigint NOT NULL,
    list_id        bigint NOT NULL,
    status         list_job_status NOT NULL DEFAULT 'open',
    direct         boolean NOT NULL,           -- its mails came with the request
    from_email     text NOT NULL,
    from_name      text NOT NULL,
    reply_to       jsonb NOT NULL,
    headers        jsonb NOT NULL,
    tags           text[] NOT NULL,
    track_links    boolean,
    track_opens    boolean,
    send_at        timestamptz,
    journey_id     bigint,
    action_id      bigint,
    attached_bytes integer NOT NULL,           -- attachments are kept once, under the job's id
    subject        text,                       -- templates; NULL when it is over
    html           text,
    plain          text,
    data           json,
    recipients     integer NOT NULL,           -- subscribers of the list when it was accepted
    until_id       bigint NOT NULL,            -- the last of them
    after_id       bigint NOT NULL DEFAULT 0,  -- those up to this one are done
    passed         integer NOT NULL DEFAULT 0, -- the number of the last mail
    suppressed     integer NOT NULL DEFAULT 0, -- subscribers that got none for being suppressed
    failed         integer NOT NULL DEFAULT 0, -- ... for a mail that became too large
    waits          text,                       -- for what; NULL: for nothing
    next_at        timestamptz NOT NULL DEFAULT now(), -- not looked at before: SendAt, a wait, the lease of a sender
    turn           integer NOT NULL DEFAULT 0, -- the fence: grows with every claim and every batch
    created_at     timestamptz NOT NULL DEFAULT now(),
    finished_at    timestamptz,
    PRIMARY KEY (account_id, job_id)
);
CREATE INDEX list_job_open ON list_job (next_at) WHERE status = 'open';
CREATE INDEX list_job_over ON list_job (finished_at) WHERE status <> 'open';
