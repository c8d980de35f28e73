-- add_suppressions: addresses that get nothing more from an account, whichever of
-- its domains it is sent from, or from one of them, or whichever of the account has that
-- one's name now, if it is deleted. To be called in the transaction
-- that makes the events that say so. An entry that is there already stays as it is.
--   p_reason  bounce | complaint | unsubscribe
--   p_account_ids .. p_domain_ids  one element an address; no domains: all of them
-- Those of the simulator (sender/simulator.h) are left out: a test is to have the
-- same end every time.
CREATE FUNCTION emailgw_api.add_suppressions(p_reason text, p_account_ids bigint[], p_emails text[],
                                             p_message_ids uuid[], p_replies text[],
                                             p_domain_ids bigint[] DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO emailgw.suppression (account_id, address, domain_id, reason, message_id, reply)
    SELECT DISTINCT ON (b.account_id, a.address, s.domain_id)
           b.account_id, a.address, s.domain_id, p_reason, b.message_id, b.reply
      FROM unnest(p_account_ids, p_emails, p_message_ids, p_replies, p_domain_ids)
           AS b (account_id, email, message_id, reply, domain_id)
     CROSS JOIN LATERAL (SELECT emailgw_api.suppressed_as(b.account_id, coalesce(b.domain_id, 0)) AS domain_id) AS s
     CROSS JOIN LATERAL emailgw.fold_address(b.email) AS a (address)
     WHERE split_part(a.address, '@', -1) <> 'simulator.invalid'
     ORDER BY b.account_id, a.address, s.domain_id, b.message_id
    ON CONFLICT (account_id, address, domain_id) DO NOTHING
$$;
