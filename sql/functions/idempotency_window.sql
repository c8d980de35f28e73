-- idempotency_window: for how long an idempotency key holds. That of a mail that came
-- by SMTP without one is made of what it is, and is to catch a client that was cut off
-- before it had its answer. One place for this rule; inlined.
CREATE FUNCTION emailgw_api.idempotency_window(p_endpoint text) RETURNS interval
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE p_endpoint WHEN 'smtp content' THEN interval '1 hour' ELSE interval '24 hours' END
$$;
