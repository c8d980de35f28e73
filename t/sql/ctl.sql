-- The functions behind emailgwctl: users, groups and limits, domains, keys,
-- suppression, and what the lists show.
\ir lib/setup.psql
SELECT plan(106);

SELECT 'u' || pg_backend_pid() AS user, 'v' || pg_backend_pid() AS user2, 'g' || pg_backend_pid() AS grp, 'h'
          || pg_backend_pid() AS grp2,
       'd' || pg_backend_pid() || '.example.org' AS name \gset
DELETE FROM emailgw.queue; -- undone in the end

-- Users.
SELECT results_eq(format($$ SELECT status
          FROM emailgw_api.ctl_user_add(%L, 'a@example.com', 'hash', NULL, 'active') $$, :'user'), $$
          VALUES ('ok') $$, 'user_add');
SELECT account_id AS id, status AS found FROM emailgw_api.ctl_user_find(:'user') \gset
SELECT is(:'found'::text, 'active', 'user_find: the account and its status');
SELECT results_eq(format($$ SELECT username, email, password_hash, group_id FROM emailgw.account
          WHERE account_id = %s $$, :id),
                  format($$ VALUES (%L, 'a@example.com', 'hash', NULL::bigint) $$, :'user'),
                      '... as it was given');
SELECT results_eq(format($$ SELECT * FROM emailgw_api.ctl_user_add(%L, 'b@example.com', 'hash', NULL,
          'active') $$, :'user'),
                  $$ VALUES ('user name taken', NULL::bigint) $$, 'user_add: the name is taken');
SELECT is((SELECT count(*) FROM emailgw.account WHERE username = :'user'), 1::bigint,
          '... and no account is made');
SELECT results_eq(format($$ SELECT status
          FROM emailgw_api.ctl_user_add(%L, 'b@example.com', 'hash', %L,
          'unverified') $$, :'user2', :'grp'), $$ VALUES ('ok') $$, 'user_add: in a group');
SELECT results_eq(format($$ SELECT status, group_name, domains, email FROM emailgw_api.ctl_user_list()
          WHERE username = %L $$, :'user2'),
                  format($$ VALUES ('unverified', %L, 0, 'b@example.com') $$, :'grp'),
                      '... which is made, and listed');
SELECT ok((SELECT :id % 64 = a.account_id % 64 AND a.account_id > :id FROM emailgw.account AS a
          WHERE a.username = :'user2'), 'ids of a shard go by steps of 64');
SELECT is((SELECT count(*) FROM emailgw_api.ctl_user_find('nobody ' || :'user')), 0::bigint,
          'user_find: none');
SELECT results_eq(format($$ SELECT * FROM emailgw_api.ctl_user_set(%L, 'disabled', NULL, NULL, NULL) $$,
          :'user'), format($$ VALUES ('ok', %s::bigint) $$, :id), 'user_set: status');
SELECT results_eq(format($$ SELECT status::text, email, password_hash, group_id FROM emailgw.account
          WHERE account_id = %s $$, :id),
                  $$ VALUES ('disabled', 'a@example.com', 'hash', NULL::bigint) $$, '... and nothing else');
SELECT results_eq(format($$ SELECT status
          FROM emailgw_api.ctl_user_set(%L, 'active', 'c@example.com', 'other', %L) $$, :'user', :'grp'), $$
          VALUES ('ok') $$, 'user_set: all');
SELECT results_eq(format($$ SELECT a.status::text, a.email, a.password_hash, g.name FROM emailgw.account AS a
          JOIN emailgw.account_group AS g USING (group_id) WHERE account_id = %s $$, :id),
                  format($$ VALUES ('active', 'c@example.com', 'other', %L) $$, :'grp'), '... is stored');
SELECT results_eq(format($$ SELECT * FROM emailgw_api.ctl_user_set(%L, 'active', NULL, NULL, 'never') $$,
          'nobody ' || :'user'), $$ VALUES ('unknown user', NULL::bigint) $$, 'user_set: none');
SELECT is((SELECT count(*) FROM emailgw.account_group WHERE name = 'never'), 0::bigint, '... makes no group');
SELECT is(emailgw_api.ctl_user_key(:id, '\x05', '\x06'), 'ok', 'user_key');
SELECT results_eq(format($$ SELECT api_key_hash, api_key_sealed FROM emailgw.account WHERE account_id = %s $$,
          :id), $$ VALUES ('\x05'::bytea, '\x06'::bytea) $$, '... is stored');
SELECT is(emailgw_api.ctl_user_key(:id + 1, '\x05', '\x06'), 'unknown user', 'user_key: no such account');
SELECT is(emailgw_api.ctl_group(NULL), NULL, 'group: none for none');
SELECT is(emailgw_api.ctl_group(:'grp'), emailgw_api.ctl_group(:'grp'), 'group: made once');

-- Limits.
CREATE FUNCTION pg_temp.limits(p_user text, p_group text) RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT concat_ws(' ', status, coalesce(sends_per_hour::text, '-'), coalesce(sends_per_day::text, '-'),
              coalesce(sends_per_month::text, '-'), coalesce(max_domains::text, '-'))
      FROM emailgw_api.ctl_limits_get(p_user, p_group)
$$;
SELECT is(pg_temp.limits(:'user', NULL), 'ok - - - -', 'limits: none');
SELECT is(emailgw_api.ctl_limits_set(NULL, :'grp', 1, 2, 3, 4, '{}'), 'ok', 'limits of a group');
SELECT is(pg_temp.limits(NULL, :'grp'), 'ok 1 2 3 4', '... are stored');
SELECT is(pg_temp.limits(:'user', NULL), 'ok 1 2 3 4', '... and hold for its accounts');
SELECT is((SELECT source FROM emailgw_api.ctl_limits_get(:'user', NULL)), 'group ' || :'grp',
          '... which says whose they are');
SELECT is(emailgw_api.ctl_limits_set(NULL, :'grp2', 9, NULL, NULL, NULL, '{}'), 'ok',
          'limits of a group that is not there yet');
SELECT is(pg_temp.limits(NULL, :'grp2'), 'ok 9 - - -', '... are stored');
SELECT is(pg_temp.limits(NULL, :'grp'), 'ok 1 2 3 4', '... without touching another group');
SELECT is(emailgw_api.ctl_limits_set(NULL, :'grp', NULL, 20, 99, 99, '{month,domains}'), 'ok',
          'some limits of a group');
SELECT is(pg_temp.limits(NULL, :'grp'), 'ok - 20 3 4', '... leave the others as they are');
SELECT is(emailgw_api.ctl_limits_set(:'user', NULL, 7, NULL, 99, 99, '{month,domains}'), 'ok',
          'limits of an account');
SELECT is(pg_temp.limits(:'user', NULL), 'ok 7 - 3 4', '... come before the group''s, also none');
SELECT is((SELECT source FROM emailgw_api.ctl_limits_get(:'user', NULL)), 'own hour, day; else group '
          || :'grp', '... which says whose they are');
SELECT is(pg_temp.limits(:'user2', NULL), 'ok - 20 3 4', 'another account of the group keeps its limits');
SELECT is(emailgw_api.ctl_limits_set(:'user', NULL, 99, 99, 99, 5, '{hour,day,month}'), 'ok',
          'one more of the account');
SELECT is(pg_temp.limits(:'user', NULL), 'ok 7 - 3 5', '... beside those it has');
SELECT is(emailgw_api.ctl_limits_set(:'user', NULL, 99, NULL, 8, NULL, '{domains}', '{hour,day}'), 'ok',
          'some of them given back, one set, one kept');
SELECT is(pg_temp.limits(:'user', NULL), 'ok - 20 8 5', '... the group''s hold again');
SELECT results_eq(format($$ SELECT own_limits, sends_per_hour, sends_per_day FROM emailgw.account
          WHERE account_id = %s $$, :id),
          $$ VALUES ('{month,domains}'::text[], NULL::bigint, NULL::bigint) $$,
          '... and nothing is left of them');
SELECT is(emailgw_api.ctl_limits_set(:'user', NULL, NULL, NULL, NULL, NULL, '{hour,day,month,domains}',
          '{hour,day,month,domains}'), 'ok', 'all given back, whatever is to be kept');
SELECT is(pg_temp.limits(:'user', NULL), 'ok - 20 3 4', '... all are the group''s');
SELECT is(emailgw_api.ctl_limits_set(NULL, :'grp', 1, 1, 1, 1, '{}', '{hour}'),
          'a group has no group to take limits from', 'a group''s given back');
SELECT is(pg_temp.limits(NULL, :'grp'), 'ok - 20 3 4', '... changes nothing');
SELECT emailgw_api.add_usage(:id, 4) \gset
SELECT results_eq(format('SELECT used_hour, used_day, used_month FROM emailgw_api.ctl_limits_get(%L, NULL)',
          :'user'), 'VALUES (4::bigint, 4::bigint, 4::bigint)', 'limits: with what is used');
SELECT is(emailgw_api.ctl_limits_set('nobody ' || :'user', NULL, 1, 1, 1, 1, '{}'), 'unknown user',
          'limits of nobody');
SELECT is(pg_temp.limits('nobody ' || :'user', NULL), 'unknown user - - - -', '... neither');
SELECT is(pg_temp.limits(NULL, 'none ' || :'grp'), 'unknown group - - - -', 'limits of no group');
SELECT is(emailgw_api.ctl_limits_set(:'user', 'both ' || :'grp', 1, 1, 1, 1, '{}'),
          'name either a user or a group', 'limits of both');
SELECT is(emailgw_api.ctl_limits_set(NULL, NULL, 1, 1, 1, 1, '{}'), 'name either a user or a group',
          'limits of neither');
SELECT is((SELECT count(*) FROM emailgw.account_group WHERE name = 'both ' || :'grp'), 0::bigint,
          '... make no group');
SELECT throws_ok(format('SELECT emailgw_api.ctl_limits_set(%L, NULL, -1, 1, 1, 1, ''{}'')', :'user'), '23514',
          NULL, 'limits are not negative');

-- Domains.
CREATE FUNCTION pg_temp.add(p_account_id bigint, p_name text,
    p_enable boolean) RETURNS text LANGUAGE sql VOLATILE
AS $$
    SELECT concat_ws(' ', status, domain_status)
      FROM emailgw_api.ctl_domain_add(p_account_id, p_name, p_enable, 'eg', 'https://example.com', 'token',
          's1', 'record', '\x00', '\x00')
$$;
SELECT account_id AS id2 FROM emailgw_api.ctl_user_find(:'user2') \gset
SELECT is(pg_temp.add(:id, :'name', false), 'ok Pending', 'domain_add: pending');
SELECT is(pg_temp.add(:id, :'name', false), 'domain exists', 'domain_add: twice');
SELECT is(pg_temp.add(:id2, :'name', false), 'ok Pending',
          'domain_add: the same name under another account, neither verified');
SELECT is((SELECT concat_ws(' ', status, domain_status) FROM emailgw_api.ctl_domain_enable(:id, :'name')),
          'ok Enabled', 'domain_enable');
SELECT results_eq(format('SELECT h.account_id, h.domain_id FROM emailgw.directory_domain AS h WHERE name = %L', :'name'),
                  format('SELECT d.account_id, d.domain_id FROM emailgw.domain AS d WHERE account_id = %s',
                      :id), '... the account holds the name');
SELECT is((SELECT status FROM emailgw_api.ctl_domain_enable(:id, :'name')), 'ok', 'domain_enable: twice');
SELECT is((SELECT concat_ws(' ', status, domain_status) FROM emailgw_api.ctl_domain_enable(:id2, :'name')),
          'domain is held by another account Pending', 'domain_enable: held by another');
SELECT is((SELECT status FROM emailgw_api.ctl_domain_enable(:id, 'none.example.org')), 'unknown domain',
          'domain_enable: none');
SELECT is((SELECT status FROM emailgw_api.ctl_domain_enable(:id2 + 1, :'name')), 'unknown domain',
          'domain_enable: no such account');
SELECT is(pg_temp.add(:id, 'x.' || :'name', true), 'ok Enabled', 'domain_add: enabled at once');
SELECT is(pg_temp.add(:id2, 'x.' || :'name', true), 'domain is held by another account',
          'domain_add: enabled, but held by another');
SELECT is((SELECT count(*) FROM emailgw.domain WHERE account_id = :id2 AND name = 'x.' || :'name'), 0::bigint,
          '... adds nothing');
SELECT results_eq(format('SELECT username, name, domain_status, tracking_base_url FROM emailgw_api.ctl_domain_list(%s)', :id),
                  format($$ VALUES (%1$L, %2$L, 'Enabled', 'https://example.com'),
                      (%1$L, 'x.' || %2$L, 'Enabled',
                      'https://example.com') $$, :'user', :'name'), 'domain_list: of an account');
SAVEPOINT limited;
UPDATE emailgw.account SET own_limits = '{domains}', max_domains = 2 WHERE account_id = :id;
SELECT results_eq(format($$ SELECT status, detail, domain_id
          FROM emailgw_api.ctl_domain_add(%s, %L, true, 'eg', NULL, 'token', 's1', 'record', '\x00',
          '\x00') $$,
          :id, 'y.' || :'name'),
          $$ VALUES ('domain limit reached', 'the account''s own limit is 2', NULL::bigint) $$,
          'domain_add: more than the account may have');
SELECT is(pg_temp.add(:id, :'name', false), 'domain exists', '... one that it has is told before');
SELECT emailgw_api.ctl_limits_set(:'user', NULL, NULL, NULL, NULL, NULL, '{hour,day,month}',
          '{domains}') \gset
UPDATE emailgw.account_group SET max_domains = 0 WHERE name = :'grp';
SELECT results_eq(format($$ SELECT status, detail
          FROM emailgw_api.ctl_domain_add(%s, %L, true, 'eg', NULL, 'token', 's1', 'record', '\x00',
          '\x00') $$,
          :id, 'y.' || :'name'),
          format($$ VALUES ('domain limit reached', 'the limit of group %s is 0') $$, :'grp'),
          '... than its group may have');
UPDATE emailgw.account_group SET max_domains = 2 WHERE name = :'grp';
UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = :id AND name = :'name';
SELECT is(pg_temp.add(:id, 'y.' || :'name', false), 'ok Pending', '... what is deleted does not count');
SELECT is(pg_temp.add(:id, 'z.' || :'name', false), 'domain limit reached', '... what is pending does');
ROLLBACK TO limited;
SELECT is((SELECT count(*) FROM emailgw_api.ctl_domain_list(NULL) WHERE username IN (:'user', :'user2')),
          3::bigint, 'domain_list: of all');
SELECT is((SELECT domains FROM emailgw_api.ctl_user_list() WHERE username = :'user'), 2,
          'user_list: counts them');
SAVEPOINT removed;
UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = :id AND name = :'name';
SELECT is(pg_temp.add(:id, :'name', true), 'ok Enabled', 'domain_add: a name that was deleted');
SELECT is((SELECT count(*) FROM emailgw_api.ctl_domain_list(:id)), 2::bigint,
          'domain_list: without what is deleted');
ROLLBACK TO removed;

-- Keys.
SELECT is((SELECT status FROM emailgw_api.ctl_key_add(:id, :'name', 'd', '\x31', '\x32', 9)), 'ok', 'key_add');
SELECT results_eq(format($$ SELECT status, domain_name FROM emailgw_api.sender_key(%s, '\x31', 'send') $$,
          :id), format('VALUES (0, %L)', :'name'), '... may send');
SELECT results_eq(format($$ SELECT * FROM emailgw_api.ctl_key_add(%s, %L, 'd', '\x33', '\x32', 9) $$, :id2, 'x.'
          || :'name'), $$ VALUES ('unknown domain', NULL::bigint) $$, 'key_add: another account''s domain');

-- Suppression.
SELECT is((emailgw_api.ctl_suppress_add(:id, NULL, 'Ann@Example.NET', 'first')).status, 'ok',
          'suppress_add: for the account');
SELECT is((emailgw_api.ctl_suppress_add(:id, :'name', 'ann@example.net', 'second')).status, 'ok',
          'suppress_add: for a domain');
SELECT is((emailgw_api.ctl_suppress_add(:id, NULL, 'ann@example.net', 'third')).status, 'ok', 'suppress_add: again');
SELECT results_eq(format('SELECT email, domain, reason FROM emailgw_api.ctl_suppress_list(%s, NULL)', :id),
                  format($$ VALUES ('ann@example.net', %L, 'second'), ('ann@example.net', NULL, 'third') $$,
                      :'name'), 'suppress_list: all, the domain named');
SELECT is((SELECT count(*) FROM emailgw_api.ctl_suppress_list(:id, :'name')), 1::bigint,
          'suppress_list: of a domain');
SELECT is((emailgw_api.ctl_suppress_add(:id2, 'x.' || :'name', 'ann@example.net', 'r')).status, 'unknown domain',
          'suppress_add: another account''s domain');
SELECT is((emailgw_api.ctl_suppress_remove(:id, NULL, 'ANN@example.net')).status, 'ok',
          'suppress_remove: for the account');
SELECT is((emailgw_api.ctl_suppress_remove(:id, NULL, 'ann@example.net')).status,
          'address is not suppressed for the whole account, but for ' || :'name', 'suppress_remove: twice');
SELECT is((emailgw_api.ctl_suppress_remove(:id, NULL, 'nobody@example.net')).status, 'address is not suppressed',
          'suppress_remove: on no list');
SELECT is((emailgw_api.ctl_suppress_remove(:id, 'none.example.org', 'ann@example.net')).status, 'unknown domain',
          'suppress_remove: no such domain');
SELECT results_eq(format('SELECT email, domain FROM emailgw_api.ctl_suppress_list(%s, NULL)', :id),
          format($$ VALUES ('ann@example.net', %L) $$, :'name'), '... what is the domain''s stays');

-- What an entry says is whose it is.
UPDATE emailgw.suppression SET message_id = gen_random_uuid(), reply = '550 no such user'
 WHERE account_id = :id AND address = 'ann@example.net';
SELECT is((emailgw_api.ctl_suppress_add(:id, :'name', 'ann@example.net', 'manual')).status, 'ok',
          'suppress_add: what a bounce has added');
SELECT results_eq(format('SELECT reason, message_id, reply FROM emailgw_api.ctl_suppress_list(%s, %L)', :id, :'name'),
          $$ VALUES ('manual', NULL::uuid, NULL::text) $$, '... has no mail as its reason any more');

-- Who was erased is known by a hash.
INSERT INTO emailgw.suppression (account_id, address, domain_id, reason)
SELECT a, h, d, 'erased'
  FROM (VALUES (:id, 'hash:1:account', 0), (0, 'hash:1:system', 0),
               (:id, 'hash:1:domain', emailgw_api.ctl_scope(:id, :'name'))) AS e (a, h, d);
SELECT is((SELECT array_agg(concat_ws(' ', s.status, s.erased) ORDER BY h)
             FROM unnest('{account,domain,system}'::text[]) AS h,
                  emailgw_api.ctl_suppress_add(:id, :'name', h || '@erased.example', 'r', 'hash:0:x hash:1:' || h) AS s),
          '{ok t,ok t,ok t}', 'suppress_add: somebody who was erased, from the account, the domain or all');
SELECT is((SELECT count(*) FROM emailgw.suppression WHERE address LIKE '%@erased.example'), 0::bigint,
          '... is not stored again');
SELECT results_eq(format($$ SELECT * FROM emailgw_api.ctl_suppress_add(%s, %L, 'd@erased.example', 'r', 'hash:1:domain') $$,
          :id, 'x.' || :'name'), $$ VALUES ('ok', false) $$, '... but for a domain that could still write');
SELECT is((emailgw_api.ctl_suppress_add(:id2, NULL, 'a@erased.example', 'r', 'hash:1:account')).erased, false,
          '... and for another account');

-- What else an address is suppressed for.
SELECT is((emailgw_api.ctl_suppress_add(:id, d, 'ann@example.net', 'r')).status, 'ok', 'on two lists more')
  FROM unnest(ARRAY[NULL, 'x.' || :'name']) AS d;
SELECT is((emailgw_api.ctl_suppress_add(0, NULL, 'ann@example.net', 'r')).status, 'ok', '... and on that of all users');
SELECT results_eq(format($$ SELECT * FROM emailgw_api.ctl_suppress_remove(%s, %L, 'ann@example.net') $$, :id, :'name'),
          format($$ VALUES ('ok', 'all users, the whole account, x.%s') $$, :'name'),
          '... what is left is told beside what is removed');
SELECT is((emailgw_api.ctl_suppress_remove(:id, :'name', 'ann@example.net')).status,
          format('address is not suppressed for %1$s, but for all users, the whole account, x.%1$s', :'name'),
          '... and beside what is not there');
SELECT is((emailgw_api.ctl_suppress_remove(:id2, NULL, 'ann@example.net')).status,
          'address is not suppressed for the whole account, but for all users', '... nothing of another account''s');
SELECT results_eq($$ SELECT * FROM emailgw_api.ctl_suppress_remove(0, NULL, 'ann@example.net') $$,
          $$ VALUES ('ok', NULL::text) $$, '... nor of any for the system');
SELECT is((emailgw_api.ctl_suppress_remove(:id, NULL, 'd@erased.example', 'hash:1:domain')).status,
          format('address is not suppressed for the whole account, but for %1$s, x.%1$s', :'name'),
          '... an erased one''s by its hash, too');

-- The queue and the whole.
INSERT INTO emailgw.queue (account_id, message_id, recipient_no, domain_id, email, lane, ready, leased,
    next_at, attempt, size_bytes)
SELECT :account, emailgw.uuid7(now()), r.no, :domain, r.state || '@example.net', 1, r.ready, r.leased,
          now() + r.wait * interval '1 minute', r.attempt, 1
  FROM (VALUES (1, 'ready', true, false, -9, 0), (2, 'ready', false, false, -8, 2),
      (3, 'ready', true, true, -7, 2), (4, 'ready', false, true, -6, 2),
               (5, 'sending', false, true, 1, 1), (6, 'scheduled', false, false, 2, 0),
                   (7, 'deferred', false, false, 3, 1))
       AS r (no, state, ready, leased, wait, attempt);
SELECT is((SELECT array_agg(q.state ORDER BY q.recipient_no)
          FROM emailgw_api.ctl_queue_list(:account, 100) AS q WHERE q.state || '@example.net' = q.email
          AND q.domain = 'example.com'),
          '{ready,ready,ready,ready,sending,scheduled,deferred}', 'queue_list: what each row is doing');
SELECT is((SELECT array_agg(q.recipient_no) FROM emailgw_api.ctl_queue_list(NULL, 3) AS q), '{1,2,3}',
          'queue_list: of all accounts, the longest due first, no more than asked');
SELECT is((SELECT count(*) FROM emailgw_api.ctl_queue_list(:id, 100)), 0::bigint,
          'queue_list: none of another account''s');
SELECT results_eq('SELECT queued, due, in_flight, oldest_due_seconds FROM emailgw_api.ctl_status()',
          'VALUES (7::bigint, 4::bigint, 1::bigint, 540::bigint)', 'status: the queue');
SELECT ok(s.accounts >= 3 AND s.domains >= 4 AND s.partitions_until >= now() + interval '28 days'
          AND s.server_version <> '' AND s.durability = 'ok',
          'status: the rest') FROM emailgw_api.ctl_status() AS s;
SELECT * FROM finish();
ROLLBACK;
