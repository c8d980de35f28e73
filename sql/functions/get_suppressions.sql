-- get_suppressions: the entries of an account, in order of their addresses, page by page.
--   p_domain_id  only those of this domain; NULL: all
--   p_query      only addresses with this in them, whatever their letter case; NULL: all
--   p_query_ascii  the same with A-labels in place of other letters, since domains are kept so; NULL: there are none
--   p_reason     only these; NULL: all
--   p_after_address, p_after_domain_id  the last one of the page before; NULL: from the start
-- One row at least: status is 0, or 2 where there is no such domain. total counts all
-- pages. address is that of an erased one where it has no @; entry_domain_id is 0 for the
-- whole account, and a deleted domain's where the account has no other of its name now.
CREATE FUNCTION emailgw_api.get_suppressions(p_account_id bigint, p_domain_id bigint, p_query text, p_reason text,
                                             p_count integer, p_after_address text, p_after_domain_id bigint,
                                             p_query_ascii text DEFAULT NULL)
RETURNS TABLE (status integer, total bigint, address text, entry_domain_id bigint, reason text, created_us bigint,
               message_id uuid, reply text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    WITH kept AS (
        SELECT emailgw_api.suppressed_as(p_account_id, p_domain_id) AS kept_as,
               coalesce(emailgw_api.suppressed_as(p_account_id, p_after_domain_id), p_after_domain_id) AS after_kept_as
    ), wanted AS NOT MATERIALIZED (
        SELECT s.* FROM suppression AS s
         WHERE s.account_id = p_account_id
           AND (p_domain_id IS NULL OR s.domain_id = (SELECT k.kept_as FROM kept AS k))
           AND (p_query IS NULL OR position('@' IN s.address) > 0 AND (position(fold_address(p_query) IN s.address) > 0
                                                                       OR position(p_query_ascii IN s.address) > 0))
           AND (p_reason IS NULL OR s.reason = p_reason)
    ), page AS (
        SELECT w.* FROM wanted AS w
         WHERE p_after_address IS NULL
            OR (w.address, w.domain_id) > (p_after_address, (SELECT k.after_kept_as FROM kept AS k))
         ORDER BY w.address, w.domain_id LIMIT p_count
    ), asked AS (
        SELECT CASE WHEN p_domain_id IS NULL
                         OR EXISTS (SELECT FROM domain AS d
                                     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id
                                       AND d.deleted_at IS NULL) THEN 0 ELSE 2 END AS status
    )
    SELECT a.status, CASE WHEN a.status = 0 THEN (SELECT count(*) FROM wanted) END, p.address,
           emailgw_api.suppressed_domain(p_account_id, p.domain_id), p.reason,
           (extract(epoch FROM p.created_at) * 1000000)::bigint, p.message_id, p.reply
      FROM asked AS a
      LEFT JOIN page AS p ON a.status = 0
     ORDER BY p.address, p.domain_id
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_suppressions TO emailgw_module;
