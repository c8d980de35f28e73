-- purge_sessions: forgets sessions a week after their end, until when they are
-- told from ones that never were, and tries to log in that are long over.
CREATE FUNCTION emailgw_api.purge_sessions()
RETURNS bigint
LANGUAGE sql VOLATILE
AS $$
    WITH sessions AS (
        DELETE FROM emailgw.session AS s WHERE s.expires_at < now() - interval '7 days' RETURNING 1
    ), tries AS (
        DELETE FROM emailgw.login_failure AS f
         WHERE f.subject IN (SELECT o.subject FROM emailgw.login_failure AS o
                              WHERE o.last_at < now() - interval '2 hours' LIMIT 20000
                                FOR UPDATE SKIP LOCKED) RETURNING 1
    )
    SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM tries)
$$;
