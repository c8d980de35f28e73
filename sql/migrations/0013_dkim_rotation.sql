-- A domain's next DKIM key: its record is published while mail is still signed
-- with the current one.

SET LOCAL search_path = emailgw, pg_temp;

ALTER TABLE domain
    ADD COLUMN pending_selector text,
    ADD COLUMN pending_record text,
    ADD COLUMN pending_sealed bytea,           -- private key, sealed to the sender
    ADD COLUMN pending_since timestamptz,
    ADD COLUMN former_selectors text[] NOT NULL DEFAULT '{}', -- replaced or abandoned: never given out again
    ADD CONSTRAINT domain_pending
        CHECK (num_nulls(pending_selector, pending_record, pending_sealed, pending_since) IN (0, 4));
