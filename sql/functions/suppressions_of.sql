-- suppressions_of: why an address gets nothing from a domain of an account: the entries
-- of the domain, the account and the system (account 0) that hold for it. One place for
-- this rule; inlined into the functions that use it, one probe of the primary key for
-- each of these and of the forms that an address is stored in. What the domain's own
-- entries are kept under is asked only where an address has one of some domain.
--   p_hashes  what it would be known by if it was erased (core/addresshash.h), with blanks
--             between; NULL: that is not looked for
CREATE FUNCTION emailgw_api.suppressions_of(p_account_id bigint, p_domain_id bigint, p_email text, p_hashes text)
RETURNS TABLE (account_id bigint, domain_id bigint, reason text)
LANGUAGE sql STABLE
AS $$
    SELECT s.account_id, s.domain_id, s.reason
      FROM unnest(emailgw.fold_address(p_email) || string_to_array(p_hashes, ' ')) AS a (address)
     CROSS JOIN unnest(ARRAY[0, p_account_id]) AS l (account_id)
     CROSS JOIN LATERAL (SELECT e.account_id, e.domain_id, e.reason FROM emailgw.suppression AS e
                          WHERE e.account_id = l.account_id AND e.address = a.address
                          OFFSET 0) AS s -- a probe each, whatever the planner makes of the size of the list
     WHERE s.domain_id = 0 OR s.domain_id = emailgw_api.suppressed_as(p_account_id, p_domain_id)
$$;
