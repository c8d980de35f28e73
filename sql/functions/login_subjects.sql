-- login_subjects: what a try to log in counts against, how many tries are free,
-- and how long the waits after them grow (seconds): a name from one address, an
-- address (of IPv6: its /64), and a name from anywhere. The last is never
-- blocked for long, so that the right password goes on working from elsewhere.
CREATE FUNCTION emailgw_api.login_subjects(p_username text, p_client text)
RETURNS TABLE (kind text, subject bytea, free integer, longest integer)
LANGUAGE sql STABLE
AS $$
    SELECT k.kind, sha256(convert_to(concat_ws(' ', k.kind, k.address, k.username), 'UTF8')), k.free, k.longest
      FROM (SELECT split_part(p_client, '%', 1)::inet AS address) AS i
     CROSS JOIN LATERAL (SELECT network(set_masklen(i.address, CASE family(i.address) WHEN 4 THEN 32 ELSE 64 END))) AS n (net)
     CROSS JOIN LATERAL (VALUES ('both', n.net::text, p_username, 10, 900),
                                ('address', n.net::text, NULL, 30, 900),
                                ('name', NULL, p_username, 100, 2))
                AS k (kind, address, username, free, longest)
$$;
