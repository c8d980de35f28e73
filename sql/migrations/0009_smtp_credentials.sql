-- SMTP credentials: who may hand in mail of a domain by SMTP.

SET LOCAL search_path = emailgw, pg_temp;

CREATE SEQUENCE smtp_id_seq INCREMENT BY 64 MINVALUE 1 MAXVALUE 9007199254740991;

-- The user name carries the account, as keys do. Names and addresses are for
-- mails that lack them; '' is none.
CREATE TABLE smtp_credential (
    account_id     bigint NOT NULL,
    smtp_id        bigint NOT NULL DEFAULT nextval('emailgw.smtp_id_seq'),
    domain_id      bigint NOT NULL,
    username       text NOT NULL
                   GENERATED ALWAYS AS ('egm_' || account_id::text || '_' || smtp_id::text) STORED,
    password_hash  bytea NOT NULL,             -- SHA-256 of 192 random bits
    from_email     text NOT NULL DEFAULT '',
    from_name      text NOT NULL DEFAULT '',
    reply_to_email text NOT NULL DEFAULT '',
    reply_to_name  text NOT NULL DEFAULT '',
    created_at     timestamptz NOT NULL DEFAULT now(),
    deleted_at     timestamptz,
    last_used_at   timestamptz,                -- written by the sender, in batches
    PRIMARY KEY (account_id, smtp_id),
    FOREIGN KEY (account_id, domain_id) REFERENCES domain
);
CREATE INDEX smtp_credential_domain ON smtp_credential (account_id, domain_id) WHERE deleted_at IS NULL;
