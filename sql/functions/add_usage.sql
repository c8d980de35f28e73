-- add_usage: counts p_count sends of a limited account, in the slot of this
-- connection, so that concurrent requests do not wait for one row.
CREATE FUNCTION emailgw_api.add_usage(p_account_id bigint, p_count integer)
RETURNS void
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO emailgw.usage AS u (account_id, period, starts_at, slot, sent)
    VALUES (p_account_id, 'd', date_trunc('day', now(), 'UTC'), pg_backend_pid() % 16, p_count),
           (p_account_id, 'h', date_trunc('hour', now(), 'UTC'), pg_backend_pid() % 16, p_count),
           (p_account_id, 'm', date_trunc('month', now(), 'UTC'), pg_backend_pid() % 16, p_count)
    ON CONFLICT (account_id, period, starts_at, slot) DO UPDATE SET sent = u.sent + excluded.sent
$$;
