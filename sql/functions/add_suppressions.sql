-- add_suppressions: addresses that get nothing more from an account, whichever of
-- its domains it is sent from. To be called in the transaction that makes the
-- events that say so. An entry that is there already stays as it is.
--   p_reason  bounce | complaint
--   p_account_ids .. p_replies  one element an address
-- Those of the simulator (sender/simulator.h) are left out: a test is to have the
-- same end every time.
CREATE FUNCTION emailgw_api.add_suppressions(p_reason text, p_account_ids bigint[], p_emails text[],
                                             p_message_ids uuid[], p_replies text[])
RETURNS void
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO emailgw.suppression (account_id, address, domain_id, reason, message_id, reply)
    SELECT DISTINCT ON (b.account_id, a.address) b.account_id, a.address, 0, p_reason, b.message_id, b.reply
      FROM unnest(p_account_ids, p_emails, p_message_ids, p_replies) AS b (account_id, email, message_id, reply)
     CROSS JOIN LATERAL emailgw.fold_address(b.email) AS a (address)
     WHERE split_part(a.address, '@', -1) <> 'simulator.invalid'
     ORDER BY b.account_id, a.address, b.message_id
    ON CONFLICT (account_id, address, domain_id) DO NOTHING
$$;
