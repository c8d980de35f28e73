-- People who are being erased, and what came of it; the list that holds for all accounts.

SET LOCAL search_path = emailgw, pg_temp;

COMMENT ON COLUMN suppression.account_id IS '0: of the system, for all accounts';
COMMENT ON COLUMN suppression.address IS 'folded; "hash:..." of one that was erased (core/addresshash.h)';

CREATE SEQUENCE erasure_id_seq INCREMENT BY 64 MINVALUE 1 MAXVALUE 9007199254740991;

-- Events are walked once, account by account, in the order of their primary key: an
-- index of addresses would cost each event something, for what is seldom asked.
CREATE TABLE erasure (
    account_id     bigint NOT NULL,            -- 0: the operator asked, for all accounts
    erasure_id     bigint NOT NULL DEFAULT nextval('emailgw.erasure_id_seq'),
    address_sealed bytea,                      -- NULL when it is done
    at_account_id  bigint NOT NULL DEFAULT 0,  -- how far it is: 0: not begun
    at_domain_id   bigint NOT NULL DEFAULT 0,
    at_event_id    uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    again          boolean NOT NULL DEFAULT false, -- a sender had one of the person's mails in hand
    next_at        timestamptz NOT NULL DEFAULT now(),
    counts         jsonb NOT NULL DEFAULT '{}', -- rows, by what became of them
    created_at     timestamptz NOT NULL DEFAULT now(),
    finished_at    timestamptz,
    PRIMARY KEY (account_id, erasure_id)
);
CREATE INDEX erasure_due ON erasure (next_at) WHERE finished_at IS NULL;

-- What stands where an erased address stood.
CREATE FUNCTION erased_address() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 'erased@erased.invalid' $$;
