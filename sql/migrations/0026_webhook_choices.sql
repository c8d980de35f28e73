-- What panels ask of keys and webhooks: a signing key that is replaced while the
-- one before still signs, a choice of payload, posts that are only a test.

SET LOCAL search_path = emailgw, pg_temp;

ALTER TABLE domain
    ADD COLUMN former_webhook_key_sealed bytea, -- signs as well ...
    ADD COLUMN former_webhook_key_until timestamptz, -- ... until then
    ADD CONSTRAINT domain_former_webhook_key
        CHECK (num_nulls(former_webhook_key_sealed, former_webhook_key_until) IN (0, 2));
CREATE INDEX domain_former_webhook_key ON domain (former_webhook_key_until)
    WHERE former_webhook_key_until IS NOT NULL;

ALTER TABLE webhook ADD COLUMN payload text NOT NULL DEFAULT 'native'
    CHECK (payload IN ('native', 'mailgun', 'postmark'));

-- A test has no event: its event_id tells when it was asked for.
ALTER TABLE webhook_queue ADD COLUMN is_test boolean NOT NULL DEFAULT false;
ALTER TABLE webhook_delivery ADD COLUMN is_test boolean NOT NULL DEFAULT false;

-- Few posts fail: what is looked for among them is found without reading all others,
-- and a post that is taken at once writes nothing here.
CREATE INDEX webhook_delivery_undelivered ON webhook_delivery (account_id, webhook_id, event_id)
    WHERE state <> 'delivered';
