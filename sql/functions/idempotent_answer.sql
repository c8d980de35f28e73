-- idempotent_answer: what a request under an idempotency key was answered within
-- the endpoint's window: its message, with status 0 for the same body and 409 for
-- another. No row where the key is free. Inlined into the functions that use it.
CREATE FUNCTION emailgw_api.idempotent_answer(p_account_id bigint, p_domain_id bigint, p_endpoint text,
                                              p_key_hash bytea, p_body_hash bytea)
RETURNS TABLE (status integer, message_id uuid)
LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN i.body_hash = p_body_hash THEN 0 ELSE 409 END, i.message_id
      FROM emailgw.idempotency AS i
     WHERE i.account_id = p_account_id AND i.domain_id = p_domain_id AND i.endpoint = p_endpoint
       AND i.key_hash = p_key_hash AND i.created_at > now() - emailgw_api.idempotency_window(p_endpoint)
$$;
