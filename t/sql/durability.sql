-- durability: whose synchronous_commit is off, by the rules by which a session
-- gets it: the role in this database, the role, this database, all. The
-- server's own settings are t/sender/durability.t's.
\set exclusive
\ir lib/setup.psql
SELECT plan(11);
SELECT current_database() AS db \gset
SELECT 'synchronous_commit is off for emailgw_module' AS module,
       'synchronous_commit is off for emailgw_sender' AS sender \gset

SELECT is(emailgw_api.durability(), 'ok', 'as it should be');
ALTER ROLE emailgw_module SET synchronous_commit = off;
SELECT is(emailgw_api.durability(), :'module', 'off for the module''s role');
ALTER ROLE emailgw_module IN DATABASE :db SET synchronous_commit = on;
SELECT is(emailgw_api.durability(), 'ok', '... but on for it in this database');
ALTER DATABASE :db SET synchronous_commit = off;
SELECT is(emailgw_api.durability(), :'sender', 'off for the database: for who has no other');
ALTER ROLE emailgw_module IN DATABASE :db RESET synchronous_commit;
SELECT is(emailgw_api.durability(), :'module' || ' and emailgw_sender', '... and for both');
ALTER ROLE emailgw_sender SET synchronous_commit = local;
SELECT is(emailgw_api.durability(), :'module', 'the role''s comes before the database''s; local is durable');
ALTER ROLE emailgw_module RESET synchronous_commit;
ALTER DATABASE :db RESET synchronous_commit;
ALTER DATABASE postgres SET synchronous_commit = off;
SELECT is(emailgw_api.durability(), 'ok', 'another database''s is not looked at');
ALTER ROLE emailgw_module SET synchronous_commit = 'FALSE';
SELECT is(emailgw_api.durability(), :'module', 'another word for off');
ALTER ROLE emailgw_module RESET synchronous_commit;
ALTER ROLE ALL SET synchronous_commit = off;
SELECT is(emailgw_api.durability(), :'module', 'off for all, but for who has another');
ALTER ROLE ALL RESET synchronous_commit;
ALTER ROLE emailgw_sender RESET synchronous_commit;

SET LOCAL synchronous_commit = off;
SELECT is(emailgw_api.durability(), 'ok', 'a session''s own is not that of others');
SET LOCAL SESSION AUTHORIZATION emailgw_sender;
SELECT emailgw_api.durability() AS own \gset
RESET SESSION AUTHORIZATION;
SELECT is(:'own'::text, :'sender', '... but it is its own');

SELECT * FROM finish();
ROLLBACK;
