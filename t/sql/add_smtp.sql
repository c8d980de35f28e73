-- add_smtp, get_smtps, reset_smtp_password, delete_smtp: the SMTP credentials of a
-- domain, which From they may have, how many, and that what is deleted or another
-- account's is not there. is_within decides on From, here and in accept.
\ir lib/setup.psql
SELECT plan(42);

SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_domain(:other, 'example.com') AS others_domain \gset
SELECT pg_temp.new_domain(:account, 'gone.example') AS gone \gset

CREATE FUNCTION pg_temp.add(p_account_id bigint, p_domain_id bigint, p_from text DEFAULT NULL,
                            p_limit integer DEFAULT 100, OUT status integer, OUT smtp_id bigint, OUT username text)
LANGUAGE sql VOLATILE
AS $$
    SELECT a.status, a.smtp_id, a.username
      FROM emailgw_api.add_smtp(p_account_id, p_domain_id, '\x0a', p_from, 'Name', NULL, NULL, p_limit) AS a
$$;
CREATE FUNCTION pg_temp.smtps(p_account_id bigint, p_domain_id bigint) RETURNS bigint[]
LANGUAGE sql STABLE
AS $$ SELECT array_agg(g.smtp_id) FROM emailgw_api.get_smtps(p_account_id, p_domain_id) AS g $$;
CREATE FUNCTION pg_temp.reset(p_account_id bigint, p_smtp_id bigint) RETURNS text
LANGUAGE sql VOLATILE
AS $$ SELECT r.username FROM emailgw_api.reset_smtp_password(p_account_id, p_smtp_id, '\x0b') AS r $$;

SELECT is(emailgw_api.is_within(n, 'example.com'), w, n || CASE WHEN w THEN ' is within' ELSE ' is not' END)
  FROM (VALUES ('example.com', true), ('a.example.com', true), ('a.b.example.com', true), ('xexample.com', false),
               ('example.com.x', false), ('com', false), ('', false), ('%.com', false), ('example_com', false))
       AS v (n, w);

SELECT status, smtp_id AS made, username FROM pg_temp.add(:account, :domain, '"a@b"@mail.example.com') \gset
SELECT is(:status, 0, 'a credential');
SELECT is(:'username', format('egm_%s_%s', :account, :made), '... whose name carries the account');
SELECT results_eq(format($$ SELECT domain_id, username, password_hash, from_email, from_name, reply_to_email, reply_to_name
                           FROM emailgw.smtp_credential WHERE account_id = %s AND smtp_id = %s $$, :account, :made),
                  format($$ VALUES (%s::bigint, %L, '\x0a'::bytea, '"a@b"@mail.example.com', 'Name', '', '') $$, :domain,
                         :'username'), '... as it was given');
SELECT is((SELECT a.status FROM pg_temp.add(:account, :domain, f) AS a), 114, 'From ' || f)
  FROM unnest('{a@xexample.com,a@example.org,a@com,"\"@example.com\"@example.org"}'::text[]) AS f;
SELECT is((SELECT a.status FROM pg_temp.add(:account, :others_domain) AS a), 2, 'another account''s domain');
SELECT is((SELECT a.status FROM pg_temp.add(:account, 0) AS a), 2, 'no domain');
SELECT is((SELECT a.status FROM pg_temp.add(:account, 0, 'a@example.org') AS a), 2, '... whatever the From');
SELECT is(pg_temp.rows_of(:account, 'smtp_credential') + pg_temp.rows_of(:other, 'smtp_credential'), 1,
          'none of them makes one');
SELECT is((SELECT a.status FROM pg_temp.add(:account, :domain, NULL, 1) AS a), 112, 'as many as the domain may have');
SELECT is((SELECT a.status FROM pg_temp.add(:account, :domain, NULL, 2) AS a), 0, '... one less');
SELECT smtp_id AS of_gone FROM pg_temp.add(:account, :gone) \gset

SELECT is(cardinality(pg_temp.smtps(:account, :domain)), 2, 'listed');
SELECT is((pg_temp.smtps(:account, :domain))[1], :made::bigint, '... oldest first');
SELECT is(pg_temp.smtps(:account, :others_domain), NULL, 'another account''s are not');
SELECT is(pg_temp.smtps(:other, :others_domain), ARRAY[NULL]::bigint[], 'a domain without any is one row');
SELECT is((SELECT bool_and(g.active) FROM emailgw_api.get_smtps(:account, :domain) AS g), true, 'active');
UPDATE emailgw.domain SET status = 'Suspended' WHERE account_id = :account AND domain_id = :domain;
SELECT is((SELECT bool_or(g.active) FROM emailgw_api.get_smtps(:account, :domain) AS g), false,
          '... not while the domain may not send');
UPDATE emailgw.domain SET status = 'Warning' WHERE account_id = :account AND domain_id = :domain;
SELECT is((SELECT bool_and(g.active) FROM emailgw_api.get_smtps(:account, :domain) AS g), true, '... with a warning it may');
UPDATE emailgw.account SET status = 'unverified' WHERE account_id = :account;
SELECT is((SELECT bool_or(g.active) FROM emailgw_api.get_smtps(:account, :domain) AS g), false,
          '... not while the account is not verified');

SELECT is(pg_temp.reset(:other, :made), NULL, 'another account resets nothing');
SELECT is((SELECT c.password_hash FROM emailgw.smtp_credential AS c WHERE c.account_id = :account AND c.smtp_id = :made),
          '\x0a', '... the password is the old one');
SELECT is(pg_temp.reset(:account, :made), :'username', 'the owner does');
SELECT is((SELECT array_agg(c.password_hash ORDER BY c.smtp_id) FROM emailgw.smtp_credential AS c
            WHERE c.account_id = :account AND c.domain_id = :domain), '{"\\x0b","\\x0a"}'::bytea[], '... this one and no other');
UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = :account AND domain_id = :gone;
SELECT is(pg_temp.reset(:account, :of_gone), NULL, 'what is of a deleted domain gets no new password');
SELECT is(pg_temp.smtps(:account, :gone), NULL, '... is not shown');
SELECT ok(NOT emailgw_api.delete_smtp(:account, :of_gone), '... and gone already');
SELECT is((SELECT a.status FROM pg_temp.add(:account, :gone) AS a), 2, '... and no more can be added');
SELECT ok(NOT emailgw_api.delete_smtp(:other, :made), 'another account deletes nothing');
SELECT ok(emailgw_api.delete_smtp(:account, :made) AND NOT emailgw_api.delete_smtp(:account, :made),
          'the owner does, once');
SELECT is(pg_temp.reset(:account, :made), NULL, 'then it gets no new password');
SELECT is((SELECT a.status FROM pg_temp.add(:account, :domain, NULL, 2) AS a), 0, '... and is not counted');

SELECT * FROM finish();
ROLLBACK;
