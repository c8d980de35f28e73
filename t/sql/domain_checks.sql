-- The records of enabled domains, looked up again: who is due, and what becomes of
-- a domain by what was found. Time is moved by moving what is stored.
\set exclusive
\ir lib/setup.psql
SELECT plan(59);

SELECT pg_temp.new_account() AS other \gset
SELECT 'c' || pg_backend_pid() || '.example.org' AS name \gset
DELETE FROM emailgw.domain WHERE check_base IS NOT NULL; -- undone in the end

\set hour 3600000000
CREATE FUNCTION pg_temp.claim(p_limit integer, p_interval_us bigint DEFAULT 21600000000) RETURNS text[]
LANGUAGE sql VOLATILE
AS $$ SELECT coalesce(array_agg(name ORDER BY name), '{}') FROM emailgw_api.claim_domain_checks(p_limit, p_interval_us, 60000000) $$;

-- Who is due: six hours after check_base, the longest first.
SELECT pg_temp.new_domain(:account, :'name') AS mine \gset
SELECT emailgw_api.hold_domain(:'name', :account, :mine) \gset
SELECT is(pg_temp.claim(9), '{}', 'a domain that is not checked is never due');
UPDATE emailgw.domain SET check_base = now() - interval '5 h 59 min' WHERE domain_id = :mine AND account_id = :account;
SELECT is(pg_temp.claim(9), '{}', 'nor is one that was checked lately');
SELECT is(pg_temp.claim(9, :hour), ARRAY[:'name'], '... but by a shorter interval');
SELECT is(pg_temp.claim(9, :hour), '{}', 'what is leased is not due');
SELECT is(pg_temp.claim(9, :hour - 61000000), ARRAY[:'name'], '... before the end of the lease');
UPDATE emailgw.domain SET check_base = now() - interval '6 h' WHERE domain_id = :mine AND account_id = :account;
SELECT results_eq('SELECT account_id, domain_id, name, subdomain, tracking_base_url, mail_host, tracking_host, ownership_token,
          dkim_selector, dkim_record, records_version FROM emailgw_api.claim_domain_checks(9, 21600000000, 60000000)',
          format($$ VALUES (%s::bigint, %s::bigint, %L, 'eg', NULL, '', '', 'token', 's1', 'v=DKIM1', 1) $$, :account, :mine,
          :'name'), 'one that is due comes with all that is looked up');
UPDATE emailgw.domain SET check_base = '-infinity' WHERE domain_id = :mine AND account_id = :account;
SELECT is(pg_temp.claim(9), ARRAY[:'name'], 'at once');
UPDATE emailgw.domain SET check_base = '-infinity', deleted_at = now() WHERE domain_id = :mine AND account_id = :account;
SELECT is(pg_temp.claim(9), '{}', 'what is deleted is not due');
UPDATE emailgw.domain SET deleted_at = NULL WHERE domain_id = :mine AND account_id = :account;
SELECT count(*) AS made FROM (SELECT pg_temp.new_domain(:other, n || '.' || :'name') FROM generate_series(1, 5) AS n) AS m \gset
UPDATE emailgw.domain SET check_base = now() - make_interval(hours => 10 + left(name, 1)::integer) WHERE account_id = :other;
UPDATE emailgw.domain SET check_base = NULL WHERE domain_id = :mine AND account_id = :account;
SELECT is(pg_temp.claim(2), ARRAY['4.' || :'name', '5.' || :'name'], 'no more than asked for, the longest due first');
SELECT is(pg_temp.claim(9), ARRAY['1.' || :'name', '2.' || :'name', '3.' || :'name'], '... then the others');
SELECT ok((SELECT count(*) = 1 FROM (SELECT 1 FROM pg_indexes WHERE indexname = 'domain_check') AS i), 'there is an index for it');
UPDATE emailgw.domain SET check_base = NULL WHERE account_id = :other;

-- One check: claimed, then this result. "former>status" where it changed, and the row.
CREATE FUNCTION pg_temp.check(p_account_id bigint, p_domain_id bigint, p_outcome text, p_verified text[] DEFAULT '{}',
                              p_failed text[] DEFAULT '{}') RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_claimed record;
    v_changed record;
    v_domain record;
BEGIN
    UPDATE emailgw.domain SET check_base = '-infinity' WHERE account_id = p_account_id AND domain_id = p_domain_id;
    SELECT * INTO v_claimed FROM emailgw_api.claim_domain_checks(1, 21600000000, 60000000);
    SELECT * INTO v_changed FROM emailgw_api.record_domain_checks(
        jsonb_build_array(jsonb_build_object('account_id', p_account_id, 'domain_id', p_domain_id, 'lease', v_claimed.lease,
            'records_version', v_claimed.records_version, 'outcome', p_outcome, 'verified', to_jsonb(p_verified),
            'failed', to_jsonb(p_failed))), 21600000000, 86400000000, 259200000000);
    SELECT * INTO v_domain FROM emailgw.domain WHERE account_id = p_account_id AND domain_id = p_domain_id;
    RETURN concat_ws(' ', v_changed.former_status || '>' || v_changed.domain_status, CASE WHEN NOT v_changed.held THEN 'taken' END,
        v_domain.status, v_domain.failures, round(extract(epoch FROM now() - v_domain.failing_since) / 3600) || 'h');
END
$$;
-- So many hours pass.
CREATE FUNCTION pg_temp.pass(p_account_id bigint, p_domain_id bigint, p_hours integer) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    UPDATE emailgw.domain SET checked_at = checked_at - make_interval(hours => p_hours),
                              failing_since = failing_since - make_interval(hours => p_hours)
     WHERE account_id = p_account_id AND domain_id = p_domain_id
$$;
CREATE FUNCTION pg_temp.holder(p_name text) RETURNS bigint LANGUAGE sql STABLE
AS $$ SELECT account_id FROM emailgw.directory_domain WHERE name = p_name $$;

SELECT is(pg_temp.check(:account, :mine, 'holds', '{DKIM,SPF}', '{DMARC}'), 'Enabled 0', 'records hold');
SELECT results_eq(format('SELECT records_verified, records_failed FROM emailgw.domain WHERE domain_id = %s AND account_id = %s', :mine, :account),
                  $$ VALUES ('{DKIM,SPF}'::text[], '{DMARC}'::text[]) $$, '... and what was seen is stored');
SELECT ok((SELECT checked_at = now() AND check_base BETWEEN now() - interval '36 min' AND now() + interval '36 min'
             FROM emailgw.domain WHERE domain_id = :mine AND account_id = :account), '... the next check is an interval later, give or take a tenth');

-- Three failures, and 24 hours.
SELECT is(pg_temp.check(:account, :mine, 'fails', '{}', '{SPF}'), 'Enabled 1 0h', 'the first failure');
SELECT is((SELECT records_failed FROM emailgw.domain WHERE domain_id = :mine AND account_id = :account), '{DMARC,SPF}'::text[],
          '... which record it was is stored');
SELECT pg_temp.pass(:account, :mine, 6) \gset
SELECT is(pg_temp.check(:account, :mine, 'fails'), 'Enabled 2 6h', '6 h later');
SELECT pg_temp.pass(:account, :mine, 6) \gset
SELECT is(pg_temp.check(:account, :mine, 'fails'), 'Enabled 3 12h', 'three in 12 h do not count yet');
SELECT pg_temp.pass(:account, :mine, 6) \gset
SELECT is(pg_temp.check(:account, :mine, 'fails'), 'Enabled 4 18h', 'nor do 18 h');
SELECT pg_temp.pass(:account, :mine, 6) \gset
SELECT is(pg_temp.check(:account, :mine, 'fails'), 'Enabled>Warning Warning 5 24h', 'over 24 h: Warning');
SELECT is(pg_temp.holder(:'name'), :account::bigint, '... which holds the name');
SELECT pg_temp.pass(:account, :mine, 6) \gset
SELECT is(pg_temp.check(:account, :mine, 'fails'), 'Warning 6 30h', '... and is not told again');

-- DNS that does not answer never counts, and neither does its time.
SELECT pg_temp.pass(:account, :mine, 6) \gset
SELECT is(pg_temp.check(:account, :mine, 'unknown'), 'Warning 6 30h', 'no answer: no failure, no time');
SELECT pg_temp.pass(:account, :mine, 1000) \gset
SELECT is(pg_temp.check(:account, :mine, 'unknown'), 'Warning 6 30h', '... however long');
SELECT pg_temp.pass(:account, :mine, 6) \gset
SELECT is(pg_temp.check(:account, :mine, 'fails'), 'Warning 7 36h', 'a failure after that counts on');
-- Nor does time in which no sender ran, but for two intervals of it.
SELECT pg_temp.pass(:account, :mine, 1000) \gset
SELECT is(pg_temp.check(:account, :mine, 'fails'), 'Warning 8 48h', 'nobody looked for a long time');
SELECT pg_temp.pass(:account, :mine, 6) \gset
SELECT is(pg_temp.check(:account, :mine, 'holds'), 'Warning>Enabled Enabled 0', 'records hold again: Enabled');

-- 72 hours.
SELECT is(pg_temp.check(:account, :mine, 'fails'), 'Enabled 1 0h', 'failing anew');
CREATE FUNCTION pg_temp.fail_on(p_account_id bigint, p_domain_id bigint, p_times integer) RETURNS text[]
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_seen text[] := '{}';
BEGIN
    FOR i IN 1 .. p_times LOOP
        PERFORM pg_temp.pass(p_account_id, p_domain_id, 6);
        v_seen := v_seen || pg_temp.check(p_account_id, p_domain_id, 'fails');
    END LOOP;
    RETURN v_seen;
END
$$;
SELECT is(pg_temp.fail_on(:account, :mine, 11), '{Enabled 2 6h,Enabled 3 12h,Enabled 4 18h,Enabled>Warning Warning 5 24h,
          Warning 6 30h,Warning 7 36h,Warning 8 42h,Warning 9 48h,Warning 10 54h,Warning 11 60h,Warning 12 66h}', 'on and on');
SELECT is(pg_temp.check(:account, :mine, 'unknown'), 'Warning 12 66h', 'no answer is not the last straw');
SELECT is(pg_temp.fail_on(:account, :mine, 1), '{Warning>Suspended Suspended 13 72h}', '72 h: Suspended');
SELECT is(pg_temp.holder(:'name'), NULL::bigint, '... which gives the name up');
SELECT is((SELECT status FROM emailgw_api.authenticate(:account, '\x01', 'send')), 0, 'another domain''s key may send');
UPDATE emailgw.api_key SET domain_id = :mine WHERE account_id = :account;
SELECT is((SELECT status FROM emailgw_api.authenticate(:account, '\x01', 'send')), 32, '... a suspended one''s may not');
SELECT is((SELECT status FROM emailgw_api.authenticate(:account, '\x01', 'events')), 0, '... but read events');
SELECT is(pg_temp.check(:account, :mine, 'unknown'), 'Suspended 13 72h', 'no answer leaves it so');
SELECT is(pg_temp.fail_on(:account, :mine, 2), '{Suspended 14 78h,Suspended 15 84h}', 'it is still checked');
SELECT is(pg_temp.check(:account, :mine, 'holds'), 'Suspended>Enabled Enabled 0', 'and comes back');
SELECT is(pg_temp.holder(:'name'), :account::bigint, '... with its name');
SELECT is((SELECT status FROM emailgw_api.authenticate(:account, '\x01', 'send')), 0, '... and may send');

-- With few checks in a long time it is still three of them.
SELECT is(pg_temp.check(:account, :mine, 'fails'), 'Enabled 1 0h', 'failing once more');
SELECT pg_temp.pass(:account, :mine, 12), pg_temp.check(:account, :mine, 'fails') \gset
SELECT pg_temp.pass(:account, :mine, 12) \gset
SELECT is(pg_temp.check(:account, :mine, 'fails'), 'Enabled>Warning Warning 3 24h', 'three in 24 h');
SELECT is(pg_temp.check(:account, :mine, 'holds'), 'Warning>Enabled Enabled 0', 'well again');
UPDATE emailgw.domain SET failures = 1, failing_since = now() - interval '80 h', checked_at = now() - interval '6 h'
 WHERE domain_id = :mine AND account_id = :account;
SELECT is(pg_temp.check(:account, :mine, 'fails'), 'Enabled 2 80h', 'two failures are never enough');
SELECT is(pg_temp.fail_on(:account, :mine, 1), '{Enabled>Suspended Suspended 3 86h}', '... three are, if the first is long ago');

-- While it was suspended, another account verified the name.
SELECT pg_temp.new_domain(:other, :'name', 'Pending') AS theirs \gset
SELECT is((SELECT v.status || ' ' || v.domain_status FROM emailgw_api.verify_domain(:other, :theirs, 1, 'holds', '{}', '{}') AS v),
          'ok Enabled', 'another account verifies the name of a suspended domain');
UPDATE emailgw.domain SET check_base = NULL WHERE account_id = :other;
SELECT is(pg_temp.check(:account, :mine, 'holds'), 'Suspended>Suspended taken Suspended 0', 'it stays suspended, and that is told');
SELECT is(pg_temp.holder(:'name'), :other::bigint, '... and the name stays where it is');
UPDATE emailgw.domain SET check_base = NULL WHERE account_id = :account;

-- Late, and of other records.
CREATE FUNCTION pg_temp.record(p_account_id bigint, p_domain_id bigint, p_lease text, p_version integer) RETURNS bigint
LANGUAGE sql VOLATILE
AS $$
    SELECT count(*) FROM emailgw_api.record_domain_checks(jsonb_build_array(jsonb_build_object('account_id', p_account_id,
        'domain_id', p_domain_id, 'lease', p_lease, 'records_version', p_version, 'outcome', 'fails', 'verified', '[]'::jsonb,
        'failed', '["DKIM"]'::jsonb)), 21600000000, 0, 0)
$$;
UPDATE emailgw.domain SET check_base = '-infinity' WHERE domain_id = :theirs AND account_id = :other;
SELECT lease AS first FROM emailgw_api.claim_domain_checks(1, 21600000000, 60000000) \gset
SELECT pg_temp.claim(1, 21500000000) AS second \gset
SELECT is(:'second', '{' || :'name' || '}', 'the lease of one sender is over, another one has the domain');
SELECT is(pg_temp.record(:other, :theirs, :'first', 1), 0::bigint, 'the first comes late');
SELECT results_eq(format('SELECT failures, records_failed FROM emailgw.domain WHERE domain_id = %s AND account_id = %s', :theirs, :other),
                  $$ VALUES (0, '{}'::text[]) $$, '... and changes nothing');
UPDATE emailgw.domain SET check_base = '-infinity' WHERE domain_id = :theirs AND account_id = :other;
SELECT lease AS third FROM emailgw_api.claim_domain_checks(1, 21600000000, 60000000) \gset
SELECT count(*) FROM emailgw_api.update_domain(:other, :theirs, NULL, NULL, NULL, NULL, NULL, 'https://t.example', '', '') \gset
SELECT is(pg_temp.record(:other, :theirs, :'third', 1), 0::bigint, 'meanwhile there are other records');
SELECT is((SELECT failures FROM emailgw.domain WHERE domain_id = :theirs AND account_id = :other), 0, '... so this counts for nothing');
UPDATE emailgw.domain SET check_base = '-infinity' WHERE domain_id = :theirs AND account_id = :other;
SELECT lease AS fourth FROM emailgw_api.claim_domain_checks(1, 21600000000, 60000000) \gset
UPDATE emailgw.domain SET deleted_at = now() WHERE domain_id = :theirs AND account_id = :other;
SELECT is(pg_temp.record(:other, :theirs, :'fourth', 2), 0::bigint, 'nor does what comes after its deletion');
UPDATE emailgw.domain SET deleted_at = NULL WHERE domain_id = :theirs AND account_id = :other;
SELECT is(pg_temp.record(:account, :theirs, :'fourth', 2), 0::bigint, 'nor for another account');
SELECT is((SELECT failures FROM emailgw.domain WHERE domain_id = :theirs AND account_id = :other), 0, '... still none');
SELECT is(pg_temp.record(:other, :theirs, :'fourth', 2), 0::bigint, 'in time, of these records: the first failure is told to nobody');
SELECT is((SELECT failures FROM emailgw.domain WHERE domain_id = :theirs AND account_id = :other), 1, '... but counts');
SELECT is((SELECT count(*) FROM emailgw_api.record_domain_checks('[]', 1, 1, 1)), 0::bigint, 'nothing at all');

SELECT * FROM finish();
ROLLBACK;
