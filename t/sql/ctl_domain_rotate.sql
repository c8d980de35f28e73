-- ctl_domain_rotate, ctl_domain_rotate_finish, ctl_domain_rotate_abandon: a domain's pending DKIM key. free_selector: no
-- two keys of a name have one selector.
\ir lib/setup.psql
SELECT plan(50);

SELECT 'd' || pg_backend_pid() || '.example.org' AS name \gset
SELECT pg_temp.new_account() AS other \gset
SELECT count(emailgw_api.add_domain(a, :'name', 'eg', NULL, '', '', 'token', 's1', 'A', 'sealed A', '\x02')) AS added
  FROM unnest(ARRAY[:account, :other]::bigint[]) AS a \gset
SELECT domain_id AS mine FROM emailgw.domain WHERE account_id = :account AND name = :'name' \gset

CREATE FUNCTION pg_temp.rotate(p_account_id bigint, p_name text, p_selector text DEFAULT NULL, p_record text DEFAULT NULL)
RETURNS text LANGUAGE sql VOLATILE
AS $$
    SELECT concat_ws(' ', status, dkim_selector, pending_selector, pending_record)
      FROM emailgw_api.ctl_domain_rotate(p_account_id, p_name, p_selector, p_record, convert_to('sealed ' || p_record, 'UTF8'))
$$;
CREATE FUNCTION pg_temp.finish(p_account_id bigint, p_name text, p_selector text) RETURNS text LANGUAGE sql VOLATILE
AS $$
    SELECT concat_ws(' ', status, dkim_selector, former_selector)
      FROM emailgw_api.ctl_domain_rotate_finish(p_account_id, p_name, p_selector)
$$;
CREATE FUNCTION pg_temp.abandon(p_account_id bigint, p_name text) RETURNS text LANGUAGE sql VOLATILE
AS $$
    SELECT concat_ws(' ', status, dkim_selector, abandoned_selector)
      FROM emailgw_api.ctl_domain_rotate_abandon(p_account_id, p_name)
$$;
-- What mail is signed with, of which version, what DNS is known to have, and what is pending.
CREATE FUNCTION pg_temp.state(p_account_id bigint, p_name text) RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT concat_ws(' ', g.selector, encode(g.sealed, 'escape'), d.dkim_record, d.records_version,
                     array_to_string(d.records_verified, ',') || '/' || array_to_string(d.records_failed, ','),
                     'then ' || d.pending_selector)
      FROM emailgw.domain AS d
      JOIN emailgw_api.get_dkim_keys(ARRAY[p_account_id], ARRAY[d.domain_id]) AS g ON true
     WHERE d.account_id = p_account_id AND d.name = p_name AND d.deleted_at IS NULL
$$;
SELECT emailgw_api.verify_domain(:account, :mine, 1, 'fails', '{ownership}', '{DKIM}') \gset ignored_

-- Beginning.
SELECT is(pg_temp.rotate(:account, :'name'), 'ok s1', 'nothing is pending, and asking changes nothing');
SELECT is(pg_temp.rotate(:account, :'name', 'eg202611', 'B'), 'ok s1 eg202611 B', 'a new key');
SELECT is(pg_temp.state(:account, :'name'), 's1 sealed A A 1 ownership/DKIM then eg202611',
          '... is pending: mail is signed as before, the records are the former ones');
SELECT is(pg_temp.rotate(:account, :'name', 'eg202612', 'C'), 'ok s1 eg202611 B', 'another one: the pending one stays');
SELECT is(pg_temp.rotate(:account, :'name'), 'ok s1 eg202611 B', '... and is shown to who only asks');
SELECT is((SELECT count(*) FROM emailgw.domain WHERE account_id = :account AND pending_since = now()), 1::bigint,
          'since when it is pending is known');
SELECT is(pg_temp.rotate(:other, :'name'), 'ok s1a', 'another account''s domain of that name has none');
SELECT is((SELECT g.dkim_selector FROM emailgw_api.get_domain(:account, :mine) AS g), 's1',
          'get_domain knows the current one only');

-- The change.
SELECT is(pg_temp.finish(:account, :'name', 'eg202612'), 'the pending key is no longer the one that was looked up',
          'finish: another selector');
SELECT is(pg_temp.finish(:account, :'name', 's1'), 'the pending key is no longer the one that was looked up',
          'finish: the current selector');
SELECT is(pg_temp.finish(:account, :'name', NULL), 'the pending key is no longer the one that was looked up', 'finish: none');
SELECT is(pg_temp.finish(:other, :'name', 'eg202611'), 'the pending key is no longer the one that was looked up',
          'finish: another account''s');
SELECT is(pg_temp.state(:account, :'name'), 's1 sealed A A 1 ownership/DKIM then eg202611', '... changes nothing');
SELECT is(pg_temp.finish(:account, :'name', 'eg202611'), 'ok eg202611 s1', 'finish: the pending one');
SELECT is(pg_temp.state(:account, :'name'), 'eg202611 sealed B B 2 DKIM,ownership/',
          '... is current, of a new version, known to be in DNS, and nothing is pending');
SELECT is(pg_temp.finish(:account, :'name', 'eg202611'), 'the pending key is no longer the one that was looked up',
          'finish: twice');
SELECT is(pg_temp.finish(:account, :'name', NULL), 'the pending key is no longer the one that was looked up',
          'finish: none, where none is pending');
SELECT is(pg_temp.state(:account, :'name'), 'eg202611 sealed B B 2 DKIM,ownership/', '... changes nothing');
SELECT is((SELECT v.status FROM emailgw_api.verify_domain(:account, :mine, 1, 'holds', '{}', '{}') AS v), 'changed',
          'a look-up of the former records does not count');
SELECT is((SELECT g.dkim_selector || ' ' || g.dkim_record FROM emailgw_api.get_domain(:account, :mine) AS g), 'eg202611 B',
          'get_domain knows the current one only');
SELECT is(pg_temp.state(:other, :'name'), 's1a sealed A A 1 /', 'another account''s domain stays as it was');

-- No selector twice.
SELECT is(pg_temp.rotate(:account, :'name', 'eg202611', 'D'), 'ok eg202611 eg202611a D', 'the current selector gets a letter');
SELECT is(pg_temp.abandon(:account, :'name'), 'ok eg202611 eg202611a', 'abandon');
SELECT is(pg_temp.state(:account, :'name'), 'eg202611 sealed B B 2 DKIM,ownership/', '... the current one stays');
SELECT is(pg_temp.abandon(:account, :'name'), 'no key is pending', 'abandon: twice');
SELECT is(pg_temp.rotate(:account, :'name', 's1', 'E'), 'ok eg202611 s1b E', 'the first one gets a letter, and not that of another account''s');
SELECT is(pg_temp.abandon(:account, :'name'), 'ok eg202611 s1b', 'abandon');
SELECT is(pg_temp.rotate(:account, :'name', 'eg202611', 'F'), 'ok eg202611 eg202611b F', 'an abandoned one the next letter');
SELECT is(pg_temp.finish(:account, :'name', 'eg202611a'), 'the pending key is no longer the one that was looked up',
          'finish: an abandoned one');
SELECT is(pg_temp.finish(:account, :'name', 'eg202611b'), 'ok eg202611b eg202611', 'finish: the pending one');
SELECT is((SELECT former_selectors FROM emailgw.domain WHERE account_id = :account AND domain_id = :mine),
          '{s1,eg202611a,s1b,eg202611}', 'all that it has had');
UPDATE emailgw.domain SET former_selectors = ARRAY(SELECT 'm' || l FROM unnest('{"",a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y}'::text[]) AS l)
 WHERE account_id = :account AND domain_id = :mine;
SELECT is(pg_temp.rotate(:account, :'name', 'm', 'G'), 'ok eg202611b mz G', 'the last letter');
SELECT is(pg_temp.abandon(:account, :'name'), 'ok eg202611b mz', 'abandon');
SELECT is(pg_temp.rotate(:account, :'name', 'm', 'G'), 'ok eg202611b mz27 G', 'then numbers');
SELECT is(pg_temp.abandon(:account, :'name'), 'ok eg202611b mz27', 'abandon');
SELECT is(pg_temp.rotate(:account, :'name', 'm', 'G'), 'ok eg202611b mz28 G', '... as many as it takes');

-- A name with no octet to spare for a letter.
SELECT left(repeat(repeat('a', 57) || '.', 4), 231) || 'bb' AS long \gset
SELECT emailgw_api.add_domain(:account, :'long', 'eg', NULL, '', '', 'token', 'eg202611', 'A', '\x01', '\x02') \gset ignored_
SELECT is(pg_temp.rotate(:account, :'long', 'eg202611', 'B'), 'no selector is left this month', 'a name of 233 octets, this month');
SELECT is(pg_temp.rotate(:account, :'long', 'eg202612', 'B'), 'ok eg202611 eg202612 B', '... and the next');


-- A name that is added anew, and by others: whatever a domain of it has, has had, or was about to have.
CREATE FUNCTION pg_temp.add(p_account_id bigint, p_name text, p_selector text DEFAULT 'eg202611') RETURNS text LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_added record;
BEGIN
    SELECT * INTO v_added FROM emailgw_api.add_domain(p_account_id, p_name, 'eg', NULL, '', '', 'token', p_selector, 'A', '\x01', '\x02');
    RETURN concat_ws(' ', v_added.status, v_added.dkim_selector, (SELECT d.dkim_selector FROM emailgw.domain AS d WHERE d.domain_id = v_added.domain_id));
END
$$;
CREATE FUNCTION pg_temp.remove(p_account_id bigint, p_name text) RETURNS boolean LANGUAGE sql VOLATILE
AS $$ SELECT emailgw_api.delete_domain(p_account_id, d.domain_id) FROM emailgw.domain AS d WHERE d.account_id = p_account_id AND d.name = p_name AND d.deleted_at IS NULL $$;
SELECT 'again.' || :'name' AS again \gset
SELECT is(pg_temp.add(:account, :'again'), 'ok eg202611 eg202611', 'the first of a name');
SELECT is(pg_temp.add(:other, :'again'), 'ok eg202611a eg202611a', 'another account''s gets a letter');
SELECT is(pg_temp.rotate(:other, :'again', 'eg202611', 'B'), 'ok eg202611a eg202611b B', '... and for its next key another one');
SELECT pg_temp.remove(:account, :'again'), pg_temp.remove(:other, :'again') \gset
SELECT is(pg_temp.add(:account, :'again'), 'ok eg202611c eg202611c', 'when both are deleted: none that they had');
SELECT is(pg_temp.rotate(:account, :'again', 'eg202611', 'B'), 'ok eg202611c eg202611d B', '... so for the next key');
SELECT is(pg_temp.add(:other, :'again', 'eg202612'), 'ok eg202612 eg202612', 'in another month there is no letter');
SELECT is(pg_temp.add(:other, 'x.' || :'again'), 'ok eg202611 eg202611', 'another name has nothing to do with it');
SELECT pg_temp.remove(:account, :'again') \gset
UPDATE emailgw.domain AS d SET former_selectors = ARRAY(SELECT 'n' || CASE WHEN n > 0 THEN chr(96 + n) ELSE '' END FROM generate_series(0, 26) AS n)
 WHERE d.account_id = :account AND d.name IN (:'again', :'long');
SELECT is(pg_temp.add(:account, :'again', 'n'), 'ok nz27 nz27', 'nobody can use them up');
SELECT pg_temp.remove(:account, :'long') \gset
SELECT is(pg_temp.add(:account, :'long', repeat('x', 9)), 'no selector is left this month', 'a name that has no room for it');
SELECT is((SELECT count(*) FROM emailgw.domain WHERE account_id = :account AND name = :'long'), 1::bigint, '... is not added');

-- A domain that is none.
UPDATE emailgw.domain SET pending_selector = 'eg1', pending_record = 'X', pending_sealed = '\x03', pending_since = now(),
       deleted_at = now() WHERE account_id = :account AND domain_id = :mine;
SELECT is(concat_ws('; ', pg_temp.rotate(:account, :'name', 'eg2', 'Y'), pg_temp.finish(:account, :'name', 'eg1'),
          pg_temp.abandon(:account, :'name')), 'unknown domain; unknown domain; unknown domain', 'deleted');
SELECT is(concat_ws('; ', pg_temp.rotate(:account, 'no.' || :'name', 'eg2', 'Y'), pg_temp.finish(:account, 'no.' || :'name', 'eg1'),
          pg_temp.abandon(:account, 'no.' || :'name')), 'unknown domain; unknown domain; unknown domain', 'never there');

SELECT * FROM finish();
ROLLBACK;
