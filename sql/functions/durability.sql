-- durability: 'ok', or what makes a commit less than durable. For the role that
-- asks, synchronous_commit is the one of this session; for others it is their
-- default for this database, else the server's, so far as this session knows it.
CREATE FUNCTION emailgw_api.durability(OUT durability text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    WITH server AS (
        SELECT CASE WHEN g.source IN ('default', 'configuration file', 'command line')
                    THEN g.setting ELSE g.boot_val END AS synchronous_commit
          FROM pg_settings AS g
         WHERE g.name = 'synchronous_commit'
    ), role AS (
        SELECT r.rolname,
               CASE WHEN r.rolname = session_user THEN current_setting('synchronous_commit')
                    ELSE coalesce(
                        (SELECT lower(split_part(c, '=', 2))
                           FROM pg_db_role_setting AS s, unnest(s.setconfig) AS c
                          WHERE s.setrole IN (0, r.oid) AND c LIKE 'synchronous\_commit=%'
                            AND s.setdatabase IN (0, (SELECT d.oid FROM pg_database AS d
                                                       WHERE d.datname = current_database()))
                          ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC
                          LIMIT 1), server.synchronous_commit) END AS synchronous_commit
          FROM server, pg_roles AS r
         WHERE r.rolname IN ('emailgw_module', 'emailgw_sender')
    ), problem AS (
        SELECT 1 AS place, s.name || ' is off' AS words
          FROM unnest('{fsync,full_page_writes}'::text[]) AS s (name)
         WHERE current_setting(s.name) = 'off'
        UNION ALL
        SELECT 2, 'synchronous_commit is off for ' || string_agg(r.rolname, ' and ' ORDER BY r.rolname)
          FROM role AS r
         WHERE r.synchronous_commit IN ('off', 'false', 'no', '0')
        HAVING count(*) > 0
    )
    SELECT coalesce(string_agg(p.words, ', ' ORDER BY p.place, p.words), 'ok') FROM problem AS p
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.durability TO emailgw_sender;
