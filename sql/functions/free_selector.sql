-- free_selector: the DKIM selector for another key of a name: p_selector, with a letter behind it where a domain
-- of that name has had it, whosever it is or was, for resolvers may still know that key; from the 27th on with
-- z and a number, so that nobody can use them up. The name is locked until the commit: two who ask at the
-- same time get two. NULL where the record's name would be too long.
CREATE FUNCTION emailgw_api.free_selector(p_name text, p_selector text)
RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_host_max CONSTANT integer := 253; -- octets of the record's name (RFC 1035 section 2.3.4)
    v_used text[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('emailgw selector'), hashtext(p_name));
    v_used := ARRAY(SELECT u.selector
                      FROM emailgw.domain AS d
                     CROSS JOIN LATERAL unnest(d.former_selectors || d.dkim_selector || d.pending_selector) AS u (selector)
                     WHERE d.name = p_name AND starts_with(u.selector, p_selector));
    RETURN (SELECT f.selector
              FROM (SELECT n, p_selector || CASE WHEN n = 0 THEN '' WHEN n <= 26 THEN chr(ascii('a') + n - 1)
                                                 ELSE 'z' || n END AS selector
                      FROM generate_series(0, cardinality(v_used)) AS n) AS f
             WHERE f.selector NOT IN (SELECT u FROM unnest(v_used) AS u)
               AND octet_length(f.selector || '._domainkey.' || p_name) <= c_host_max
             ORDER BY f.n
             LIMIT 1);
END
$$;
