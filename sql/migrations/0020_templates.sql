-- Templates of mails, one account's for all its domains.

SET LOCAL search_path = emailgw, pg_temp;

CREATE SEQUENCE template_id_seq INCREMENT BY 64 MINVALUE 1 MAXVALUE 9007199254740991;

CREATE TABLE template (
    account_id  bigint NOT NULL REFERENCES account,
    template_id bigint NOT NULL DEFAULT nextval('emailgw.template_id_seq'),
    name        text NOT NULL,
    subject     text NOT NULL,
    html        text,
    plain       text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, template_id),
    CHECK (html IS NOT NULL OR plain IS NOT NULL)
);
