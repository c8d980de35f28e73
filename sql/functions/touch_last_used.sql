-- touch_last_used: when the domains and keys behind attempts were last used, to
-- the minute. Rows that another transaction is just touching are left to it.
CREATE FUNCTION emailgw_api.touch_last_used(p_outcomes jsonb)
RETURNS void
LANGUAGE sql VOLATILE
AS $$
    WITH used AS (
        SELECT DISTINCT m.account_id, m.domain_id, m.api_key_id
          FROM jsonb_to_recordset(p_outcomes) AS o (account_id bigint, message_id uuid)
          JOIN emailgw.message AS m ON m.account_id = o.account_id AND m.message_id = o.message_id
    ), domains AS (
        UPDATE emailgw.domain AS d SET last_used_at = now()
         WHERE (d.account_id, d.domain_id) IN (
               SELECT l.account_id, l.domain_id FROM emailgw.domain AS l
                WHERE (l.account_id, l.domain_id) IN (SELECT u.account_id, u.domain_id FROM used AS u)
                  AND (l.last_used_at IS NULL OR l.last_used_at < now() - interval '1 minute')
                  FOR NO KEY UPDATE SKIP LOCKED)
    )
    UPDATE emailgw.api_key AS k SET last_used_at = now()
     WHERE (k.account_id, k.api_key_id) IN (
           SELECT l.account_id, l.api_key_id FROM emailgw.api_key AS l
            WHERE (l.account_id, l.api_key_id) IN (SELECT u.account_id, u.api_key_id FROM used AS u)
              AND (l.last_used_at IS NULL OR l.last_used_at < now() - interval '1 minute')
              FOR NO KEY UPDATE SKIP LOCKED)
$$;
