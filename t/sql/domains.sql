-- Domains: add_domain, get_domain, update_domain, verify_domain, and who holds a name.
\ir lib/setup.psql
SELECT plan(72);

SELECT 'd' || pg_backend_pid() || '.example.org' AS name, 'g' || pg_backend_pid() AS grp \gset
SELECT pg_temp.new_account() AS other \gset

CREATE FUNCTION pg_temp.add(p_account_id bigint, p_name text) RETURNS text LANGUAGE sql VOLATILE
AS $$
    SELECT concat_ws(' ', status, domain_status, detail)
      FROM emailgw_api.add_domain(p_account_id, p_name, 'eg', 'https://t.example', 'mail.example.net', 't.example', 'token',
                                  's1', 'v=DKIM1; p=A', '\x01', '\x02')
$$;
CREATE FUNCTION pg_temp.may(p_account_id bigint, p_name text) RETURNS text LANGUAGE sql STABLE
AS $$ SELECT concat_ws(' ', status, detail) FROM emailgw_api.may_add_domain(p_account_id, p_name) $$;
-- A domain as "status version verified/failed holder", the holder as that of its name.
CREATE FUNCTION pg_temp.state(p_account_id bigint, p_name text) RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT concat_ws(' ', d.status, d.records_version, array_to_string(d.records_verified, ',') || '/'
               || array_to_string(d.records_failed, ','),
           CASE (SELECT h.domain_id FROM emailgw.directory_domain AS h WHERE h.name = d.name)
               WHEN d.domain_id THEN 'held' END, CASE WHEN d.check_base IS NOT NULL THEN 'checked' END,
           CASE WHEN d.vouched THEN 'vouched' END)
      FROM emailgw.domain AS d WHERE d.account_id = p_account_id AND d.name = p_name AND d.deleted_at IS NULL
$$;
CREATE FUNCTION pg_temp.verify(p_account_id bigint, p_domain_id bigint, p_version integer, p_outcome text,
                               p_verified text[] DEFAULT '{}', p_failed text[] DEFAULT '{}') RETURNS text
LANGUAGE sql VOLATILE
AS $$
    SELECT concat_ws(' ', v.status, v.domain_status)
      FROM (SELECT) AS one
      LEFT JOIN emailgw_api.verify_domain(p_account_id, p_domain_id, p_version, p_outcome, p_verified, p_failed) AS v ON true
$$;

-- Adding.
SELECT is(pg_temp.may(:account, :'name'), 'ok', 'may_add_domain');
SELECT is(pg_temp.add(:account, :'name'), 'ok Pending', 'add_domain');
SELECT is(pg_temp.state(:account, :'name'), 'Pending 1 /', '... pending, not looked up, not held, not checked');
SELECT domain_id AS mine FROM emailgw.domain WHERE account_id = :account AND name = :'name' \gset
SELECT results_eq(format('SELECT * FROM emailgw_api.get_domain(%s, %s)', :account, :mine),
                  format($$ VALUES (%s::bigint, %L, 'Pending', false, false, false, '', 'eg', 'https://t.example',
                      'mail.example.net', 't.example', 'token', 's1', 'v=DKIM1; p=A', 1, '', '') $$, :mine, :'name'),
                  'get_domain: as it was given');
SELECT is(pg_temp.may(:account, :'name'), 'domain exists', 'may_add_domain: twice');
SELECT is(pg_temp.add(:account, :'name'), 'domain exists', 'add_domain: twice');
SELECT is(pg_temp.add(:other, :'name'), 'ok Pending', '... but by another account, neither being verified');
SELECT domain_id AS theirs FROM emailgw.domain WHERE account_id = :other AND name = :'name' \gset
SELECT is((SELECT count(*) FROM emailgw_api.get_domain(:other, :mine)), 0::bigint, 'get_domain: another account''s');
SELECT is((SELECT count(*) FROM emailgw_api.get_domain(:account, :mine + 1)), 0::bigint, 'get_domain: none');

-- Limits: what is deleted does not count.
SELECT is(emailgw_api.ctl_limits_set(NULL, :'grp', NULL, NULL, NULL, 2, '{}'), 'ok', 'a group''s limit of 2');
UPDATE emailgw.account SET group_id = (SELECT group_id FROM emailgw.account_group WHERE name = :'grp')
 WHERE account_id = :account;
SELECT is(pg_temp.add(:account, 'x.' || :'name'), 'domain limit reached the limit of group ' || :'grp' || ' is 2',
          'add_domain: the limit');
SELECT is(pg_temp.may(:account, 'x.' || :'name'), 'domain limit reached the limit of group ' || :'grp' || ' is 2',
          'may_add_domain: the limit');
SELECT is(pg_temp.may(:account, :'name'), 'domain exists', '... which comes after what is wrong with the name');
SELECT is(pg_temp.may(:other, 'x.' || :'name'), 'ok', '... and is not another account''s');
SAVEPOINT limited;
UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = :account AND name = 'example.com';
SELECT is(pg_temp.add(:account, 'x.' || :'name'), 'ok Pending', '... nor counts what is deleted');
ROLLBACK TO limited;
UPDATE emailgw.account SET group_id = NULL WHERE account_id = :account;

-- Verifying.
SELECT is(pg_temp.verify(:account, :mine, 1, 'fails', '{ownership,SPF}', '{DKIM,DMARC}'), 'ok Pending',
          'verify_domain: one fails');
SELECT is(pg_temp.state(:account, :'name'), 'Pending 1 SPF,ownership/DKIM,DMARC', '... what was seen is stored');
SELECT is(pg_temp.verify(:account, :mine, 1, 'unknown', '{}', '{}'), 'ok Pending', 'verify_domain: no answers');
SELECT is(pg_temp.state(:account, :'name'), 'Pending 1 SPF,ownership/DKIM,DMARC', '... change nothing');
SELECT is(pg_temp.verify(:account, :mine, 1, 'unknown', '{DKIM}', '{ownership}'), 'ok Pending',
          'verify_domain: some answers');
SELECT is(pg_temp.state(:account, :'name'), 'Pending 1 DKIM,SPF/DMARC,ownership', '... change what they are of');
SELECT is(pg_temp.verify(:account, :mine, 2, 'holds', '{ownership}'), 'changed Pending',
          'verify_domain: of other records than there are by now');
SELECT is(pg_temp.state(:account, :'name'), 'Pending 1 DKIM,SPF/DMARC,ownership', '... changes nothing');
SELECT is(pg_temp.verify(:other, :mine, 1, 'holds'), '', 'verify_domain: another account''s');
SELECT is(pg_temp.verify(:account, :mine + 1, 1, 'holds'), '', 'verify_domain: none');
SELECT is(pg_temp.state(:account, :'name'), 'Pending 1 DKIM,SPF/DMARC,ownership', '... changes nothing');
SELECT is(pg_temp.verify(:account, :mine, 1, 'holds', '{ownership,DKIM,SPF,"return path"}'), 'ok Enabled',
          'verify_domain: all hold');
SELECT is(pg_temp.state(:account, :'name'), 'Enabled 1 DKIM,SPF,ownership,return path/DMARC held checked',
          '... the account holds the name, and checks begin');
SELECT is(pg_temp.verify(:account, :mine, 1, 'fails', '{}', '{ownership}'), 'ok Enabled',
          'verify_domain: nothing but the sender disables an enabled domain');
SELECT is(pg_temp.verify(:account, :mine, 1, 'holds', '{ownership}'), 'ok Enabled', 'verify_domain: again');

-- Only the first to verify holds a name.
SELECT is(pg_temp.verify(:other, :theirs, 1, 'holds', '{ownership}'), 'domain is held by another account Pending',
          'verify_domain: too late');
SELECT is(pg_temp.state(:other, :'name'), 'Pending 1 ownership/', '... what was seen is stored');
SELECT is((SELECT concat_ws(' ', status, domain_status) FROM emailgw_api.ctl_domain_enable(:other, :'name')),
          'domain is held by another account Pending', '... and the operator cannot enable it either');
SELECT is(pg_temp.may(pg_temp.new_account(), :'name'), 'domain is held by another account', 'may_add_domain: held');
SELECT is(pg_temp.may(:account, :'name'), 'domain exists', '... by whom it is held, it exists');

-- Changing.
CREATE FUNCTION pg_temp.change(p_account_id bigint, p_domain_id bigint, p_links boolean DEFAULT NULL,
                               p_opens boolean DEFAULT NULL, p_unsubscribe boolean DEFAULT NULL, p_provider text DEFAULT NULL,
                               p_subdomain text DEFAULT NULL, p_url text DEFAULT NULL) RETURNS text
LANGUAGE sql VOLATILE
AS $$
    SELECT concat_ws(' ', u.link_tracking, u.open_tracking, u.unsubscribe_link, u.hosting_provider, u.subdomain,
                     u.tracking_base_url, u.mail_host, u.tracking_host, u.domain_status)
      FROM (SELECT) AS one
      LEFT JOIN emailgw_api.update_domain(p_account_id, p_domain_id, p_links, p_opens, p_unsubscribe, p_provider,
                                          p_subdomain, p_url, 'new.example.net', 'newt.example') AS u ON true
$$;
\set unchanged 'https://t.example mail.example.net t.example Enabled'
SELECT is(pg_temp.change(:account, :mine), 'f f f  eg ' || :'unchanged', 'update_domain: nothing');
SELECT is(pg_temp.change(:account, :mine, true), 't f f  eg ' || :'unchanged', 'update_domain: link tracking');
SELECT is(pg_temp.change(:account, :mine, p_opens => true), 't t f  eg ' || :'unchanged', 'update_domain: open tracking');
SELECT is(pg_temp.change(:account, :mine, false, p_unsubscribe => true), 'f t t  eg ' || :'unchanged',
          'update_domain: unsubscribe link, and link tracking off');
SELECT is(pg_temp.change(:account, :mine, p_provider => 'Hoster'), 'f t t Hoster eg ' || :'unchanged', 'update_domain: provider');
SELECT is(pg_temp.change(:account, :mine, p_provider => ''), 'f t t  eg ' || :'unchanged', 'update_domain: no provider');
SELECT is(pg_temp.change(:account, :mine, p_subdomain => 'eg', p_url => 'https://t.example'), 'f t t  eg ' || :'unchanged',
          'update_domain: what is there already');
SELECT is(pg_temp.state(:account, :'name'), 'Enabled 1 DKIM,SPF,ownership,return path/DMARC held checked',
          '... nothing of this asks for other records');
SELECT is(pg_temp.change(:other, :mine, true), '', 'update_domain: another account''s');
SELECT is(pg_temp.change(:account, :mine + 1, true), '', 'update_domain: none');
SELECT is(pg_temp.change(:account, :mine), 'f t t  eg ' || :'unchanged', '... changes nothing');
SELECT is(pg_temp.change(:account, :mine, p_url => 'https://track-eg.example'),
          'f t t  eg https://track-eg.example mail.example.net t.example Enabled', 'update_domain: another tracking URL');
SELECT is(pg_temp.state(:account, :'name'), 'Enabled 2 DKIM,SPF,ownership,return path/DMARC held checked',
          '... other records may be required');
SELECT ok((SELECT check_base <= now() - interval '6 hours' FROM emailgw.domain WHERE account_id = :account AND domain_id = :mine),
          '... so they are checked soon');
SELECT is(pg_temp.verify(:account, :mine, 1, 'holds'), 'changed Enabled', '... and a look-up before does not count');
SELECT is(pg_temp.change(:account, :mine, p_url => ''), 'f t t  eg mail.example.net t.example Enabled',
          'update_domain: no tracking URL');
SELECT is(pg_temp.verify(:account, :mine, 3, 'holds', '{tracking}'), 'ok Enabled', 'verified again');
SELECT is(pg_temp.change(:account, :mine, p_subdomain => 'mail'), 'f t t  mail new.example.net newt.example Pending',
          'update_domain: another subdomain has records of its own');
SELECT is(pg_temp.state(:account, :'name'), 'Pending 4 DKIM,ownership/DMARC',
          '... they are not known to hold, the name is free, and there are no checks');
SELECT is(pg_temp.verify(:other, :theirs, 1, 'holds'), 'ok Enabled', '... so that another account can be the first');
SELECT is(pg_temp.verify(:account, :mine, 4, 'holds'), 'domain is held by another account Pending', '... and this one the second');
UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = :account AND domain_id = :mine;
SELECT is(pg_temp.verify(:account, :mine, 4, 'holds'), '', 'verify_domain: deleted');
SELECT is(pg_temp.change(:account, :mine, true), '', 'update_domain: deleted');
SELECT is((SELECT count(*) FROM emailgw_api.get_domain(:account, :mine)), 0::bigint, 'get_domain: deleted');

-- The operator's word.
SELECT is((SELECT concat_ws(' ', status, domain_status) FROM emailgw_api.ctl_domain_add(:account, 'v.' || :'name', true, 'eg',
          NULL, 'token', 's1', 'record', '\x00', '\x00', 'mail.example.net', 't.example')), 'ok Enabled',
          'ctl_domain_add: enabled');
SELECT is(pg_temp.state(:account, 'v.' || :'name'), 'Enabled 1 / held vouched', '... without a look, now and later');
SELECT domain_id AS vouched FROM emailgw.domain WHERE account_id = :account AND name = 'v.' || :'name' \gset
SELECT is(pg_temp.verify(:account, :vouched, 1, 'holds', '{DKIM}'), 'ok Enabled', 'verify_domain: vouched for');
SELECT is(pg_temp.state(:account, 'v.' || :'name'), 'Enabled 1 DKIM/ held vouched', '... stays so');
SELECT is(pg_temp.change(:account, :vouched, p_subdomain => 'b'), 'f f f  b new.example.net newt.example Pending',
          'update_domain: vouched for');
SELECT is(pg_temp.state(:account, 'v.' || :'name'), 'Pending 2 DKIM/', '... other records were not vouched for');
SELECT is(pg_temp.verify(:account, :vouched, 2, 'holds'), 'ok Enabled', '... and are verified');
SELECT is(pg_temp.state(:account, 'v.' || :'name'), 'Enabled 2 DKIM/ held checked', '... and checked from then on');
SELECT is((SELECT concat_ws(' ', status, domain_status) FROM emailgw_api.ctl_domain_enable(:account, 'v.' || :'name')),
          'ok Enabled', 'ctl_domain_enable: one that is checked');
SELECT is(pg_temp.state(:account, 'v.' || :'name'), 'Enabled 2 DKIM/ held vouched', '... ends that');

-- By name, for the operator.
SELECT results_eq(format('SELECT status, domain_id, records_verified FROM emailgw_api.ctl_domain_dns(%s, %L)', :account,
          'v.' || :'name'), format($$ VALUES ('ok', %s::bigint, 'DKIM') $$, :vouched), 'ctl_domain_dns');
SELECT is((SELECT status FROM emailgw_api.ctl_domain_dns(:account, :'name')), 'unknown domain', 'ctl_domain_dns: deleted');
SELECT is((SELECT status FROM emailgw_api.ctl_domain_dns(:account, 'none.' || :'name')), 'unknown domain',
          'ctl_domain_dns: none');

SELECT * FROM finish();
ROLLBACK;
