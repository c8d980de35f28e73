-- ctl_suppressed_by: what of an account an address gets nothing from, in words: "all users" where
-- the system's list has it, "the whole account", domains by their names. NULL for none.
--   p_addresses  the forms that it may be stored in
CREATE FUNCTION emailgw_api.ctl_suppressed_by(p_account_id bigint, p_addresses text[])
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT string_agg(l.words, ', ' ORDER BY l.place, l.words)
      FROM (SELECT DISTINCT CASE WHEN s.account_id = 0 THEN 0 WHEN s.domain_id = 0 THEN 1 ELSE 2 END,
                   CASE WHEN s.account_id = 0 THEN 'all users' WHEN s.domain_id = 0 THEN 'the whole account' ELSE d.name END
              FROM emailgw.suppression AS s
              LEFT JOIN emailgw.domain AS d
                ON d.account_id = s.account_id AND d.domain_id = emailgw_api.suppressed_domain(s.account_id, s.domain_id)
               AND d.deleted_at IS NULL
             WHERE s.account_id IN (0, p_account_id) AND s.address = ANY (p_addresses)
               AND (s.domain_id = 0 OR d.name IS NOT NULL)) AS l (place, words)
$$;
