-- add_webhook, get_webhooks, delete_webhook: of which domain, and what each refusal is.
\ir lib/setup.psql
SELECT plan(22);

SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_domain(:other, 'example.com') AS others_domain \gset
SELECT pg_temp.new_domain(:account, 'example.net') AS second \gset

CREATE FUNCTION pg_temp.add(p_account_id bigint, p_domain_id bigint, p_url text DEFAULT 'https://hooks.example.org/',
                            p_limit integer DEFAULT 100) RETURNS integer
LANGUAGE sql VOLATILE
AS $$ SELECT a.status FROM emailgw_api.add_webhook(p_account_id, p_domain_id, p_url, '{1,4}', p_limit) AS a $$;
CREATE FUNCTION pg_temp.shown(p_account_id bigint, p_domain_id bigint) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT string_agg(concat_ws(' ', coalesce(g.type::text, '-'), g.webhook_status), ', ' ORDER BY g.webhook_id, g.type)
      FROM emailgw_api.get_webhooks(p_account_id, p_domain_id) AS g
$$;

SELECT is(pg_temp.add(:account, :domain), 0, 'a webhook');
SELECT webhook_id AS hook FROM emailgw.webhook WHERE account_id = :account \gset
SELECT is(pg_temp.shown(:account, :domain), '1 Active, 4 Active', '... is shown, one row an event');
SELECT is((SELECT d.webhook_events FROM emailgw.domain AS d WHERE d.account_id = :account AND d.domain_id = :domain),
          '{1,4}', '... and the domain asks for them');
SELECT is(pg_temp.shown(:account, :second), '-', 'a domain without one is one row');
SELECT is(pg_temp.shown(:account, :others_domain), NULL, 'another account''s domain is none');
SELECT is(pg_temp.add(:account, :domain, NULL), 0, 'without a URL: there is such a domain');
SELECT is(pg_temp.add(:account, :others_domain, NULL), 2, '... there is not');
SELECT is(pg_temp.add(:account, :domain, NULL, 1), 0, '... whatever the limit');
SELECT is(pg_temp.add(:account, :others_domain), 2, 'another account''s domain gets none');
SELECT is(pg_temp.add(:account, 0), 2, 'nor does no domain');
SELECT is(pg_temp.add(:account, :domain, 'https://hooks.example.org/', 1), 112, 'nor one that has as many as it may');
SELECT is(pg_temp.rows_of(:account, 'webhook') + pg_temp.rows_of(:other, 'webhook'), 1, 'nothing of all that was added');

SELECT is(emailgw_api.delete_webhook(:account, :second, :hook), 3, 'of another domain of the account');
SELECT is(emailgw_api.delete_webhook(:account, :others_domain, :hook), 2, 'of a domain of another account');
SELECT is(emailgw_api.delete_webhook(:other, :domain, :hook), 2, 'another account, with the right ids');
SELECT is(emailgw_api.delete_webhook(:other, :others_domain, :hook), 4, 'another account, with its own domain');
SELECT is(emailgw_api.delete_webhook(:account, :domain, 0), 4, 'no webhook');
SELECT is(pg_temp.shown(:account, :domain), '1 Active, 4 Active', 'it is still there');
SELECT is(emailgw_api.delete_webhook(:account, :domain, :hook), 0, 'deleted');
SELECT is(emailgw_api.delete_webhook(:account, :second, :hook), 4, '... it is no other domain''s any more');

SELECT pg_temp.add(:account, :second) AS status \gset
SELECT webhook_id AS hook FROM emailgw.webhook WHERE account_id = :account AND deleted_at IS NULL \gset
UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = :account AND domain_id = :second;
SELECT is(emailgw_api.delete_webhook(:account, :domain, :hook), 4, 'the webhook of a deleted domain is gone with it');
SELECT is(emailgw_api.delete_webhook(:account, :second, :hook), 2, '... as is the domain');

SELECT * FROM finish();
ROLLBACK;
