-- Accounts, their groups and limits, domains, sender keys, suppression.
--
-- account_id is the routing key: first in every primary key, unique constraint
-- and foreign key. The directory holds the only names that are unique over all
-- accounts, and account_group is the same on every shard.
--
-- Ids stay below 2^53, so that JSON readers keep them exact. Each sequence
-- steps by 64: shard n of up to 64 begins at n + 1 (emailgw_api.ctl_set_shard).

SET LOCAL search_path = emailgw, pg_temp;

CREATE SEQUENCE account_id_seq   INCREMENT BY 64 MINVALUE 1 MAXVALUE 9007199254740991;
CREATE SEQUENCE group_id_seq     INCREMENT BY 64 MINVALUE 1 MAXVALUE 9007199254740991;
CREATE SEQUENCE domain_id_seq    INCREMENT BY 64 MINVALUE 1 MAXVALUE 9007199254740991;
CREATE SEQUENCE api_key_id_seq   INCREMENT BY 64 MINVALUE 1 MAXVALUE 9007199254740991;

-- Limits of the accounts in a group; NULL is no limit.
CREATE TABLE account_group (
    group_id        bigint NOT NULL DEFAULT nextval('emailgw.group_id_seq') PRIMARY KEY,
    name            text NOT NULL UNIQUE,
    sends_per_hour  bigint CHECK (sends_per_hour >= 0),
    sends_per_day   bigint CHECK (sends_per_day >= 0),
    sends_per_month bigint CHECK (sends_per_month >= 0),
    max_domains     bigint CHECK (max_domains >= 0)
);

CREATE TYPE account_status AS ENUM ('active', 'disabled', 'unverified');

-- Limits here come before the group's; own_limits names those that are set here,
-- since NULL is a limit too ("none").
CREATE TABLE account (
    account_id      bigint NOT NULL DEFAULT nextval('emailgw.account_id_seq') PRIMARY KEY,
    username        text NOT NULL,
    email           text NOT NULL,
    password_hash   text NOT NULL,
    status          account_status NOT NULL DEFAULT 'active',
    group_id        bigint REFERENCES account_group,
    api_key_hash    bytea,
    api_key_sealed  bytea,
    own_limits      text[] NOT NULL DEFAULT '{}',
    sends_per_hour  bigint CHECK (sends_per_hour >= 0),
    sends_per_day   bigint CHECK (sends_per_day >= 0),
    sends_per_month bigint CHECK (sends_per_month >= 0),
    max_domains     bigint CHECK (max_domains >= 0),
    created_at      timestamptz NOT NULL DEFAULT now()
);

-- Directory: user names to accounts.
CREATE TABLE directory_username (
    username   text NOT NULL PRIMARY KEY,
    account_id bigint NOT NULL
);

-- Directory: which account holds a verified domain name.
CREATE TABLE directory_domain (
    name       text NOT NULL PRIMARY KEY,
    account_id bigint NOT NULL,
    domain_id  bigint NOT NULL
);

CREATE TYPE domain_status AS ENUM ('Pending', 'Enabled', 'Warning', 'Suspended');

CREATE TABLE domain (
    account_id         bigint NOT NULL REFERENCES account,
    domain_id          bigint NOT NULL DEFAULT nextval('emailgw.domain_id_seq'),
    name               text NOT NULL,          -- lower-case A-labels
    status             domain_status NOT NULL DEFAULT 'Pending',
    link_tracking      boolean NOT NULL DEFAULT false,
    open_tracking      boolean NOT NULL DEFAULT false,
    unsubscribe_link   boolean NOT NULL DEFAULT false,
    hosting_provider   text NOT NULL DEFAULT '',
    subdomain          text NOT NULL DEFAULT 'eg',
    tracking_base_url  text,
    ownership_token    text NOT NULL,
    dkim_selector      text NOT NULL,
    dkim_record        text NOT NULL,
    dkim_sealed        bytea NOT NULL,         -- private key, sealed to the sender
    webhook_key_sealed bytea NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now(),
    deleted_at         timestamptz,
    last_used_at       timestamptz,            -- written by the sender, in batches
    PRIMARY KEY (account_id, domain_id)
);
CREATE UNIQUE INDEX domain_name ON domain (account_id, name) WHERE deleted_at IS NULL;

CREATE TABLE api_key (
    account_id    bigint NOT NULL,
    api_key_id    bigint NOT NULL DEFAULT nextval('emailgw.api_key_id_seq'),
    domain_id     bigint NOT NULL,
    description   text NOT NULL,
    key_hash      bytea NOT NULL,
    key_sealed    bytea NOT NULL,
    permissions   text NOT NULL DEFAULT 'send,webhooks,events',
    list_id       bigint,                      -- context stamped on what the key sends
    subscriber_id bigint,
    journey_id    bigint,
    action_id     bigint,
    created_at    timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz,
    last_used_at  timestamptz,                 -- written by the sender, in batches
    PRIMARY KEY (account_id, api_key_id),
    FOREIGN KEY (account_id, domain_id) REFERENCES domain
);
CREATE UNIQUE INDEX api_key_hash ON api_key (account_id, key_hash) WHERE deleted_at IS NULL;
CREATE INDEX api_key_domain ON api_key (account_id, domain_id);

-- Addresses that get nothing. address is folded (emailgw.fold_address);
-- domain_id 0 holds for all domains of the account.
CREATE TABLE suppression (
    account_id bigint NOT NULL,
    address    text NOT NULL,
    domain_id  bigint NOT NULL DEFAULT 0,
    reason     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, address, domain_id)
);

-- Addresses compare by their lower case; mailboxes that differ only in case are one.
CREATE FUNCTION fold_address(p_address text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT lower(p_address) $$;
