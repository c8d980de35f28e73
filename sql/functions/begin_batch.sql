-- begin_batch: what a batch needs to know of its sender key, and of its idempotency
-- key, which from now on stands for this body.
--   p_idempotency_key  SHA-256 of the Idempotency-Key, NULL without one; p_body_hash is the body's
-- One row always. status is that of sender_key, 13 for a key that does not exist, 409
-- for an idempotency key with another body. answer is what the same batch was answered
-- within the last 24 hours.
CREATE FUNCTION emailgw_api.begin_batch(p_account_id bigint, p_key_hash bytea, p_idempotency_key bytea, p_body_hash bytea,
                                        OUT status integer, OUT domain_name text, OUT unsubscribe_link boolean,
                                        OUT answer text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    c_endpoint CONSTANT text := 'batch';
    v_domain_id bigint;
    v_known boolean; -- it came before
BEGIN
    SELECT k.status, k.domain_id, k.domain_name, k.unsubscribe_link
      INTO status, v_domain_id, domain_name, unsubscribe_link
      FROM emailgw_api.sender_key(p_account_id, p_key_hash, 'send') AS k;
    status := coalesce(status, 13);
    IF status <> 0 OR p_idempotency_key IS NULL THEN
        RETURN;
    END IF;

    INSERT INTO idempotency AS i (account_id, domain_id, endpoint, key_hash, body_hash)
    VALUES (p_account_id, v_domain_id, c_endpoint, p_idempotency_key, p_body_hash)
    ON CONFLICT (account_id, domain_id, endpoint, key_hash) DO UPDATE
       SET body_hash = excluded.body_hash, answer = NULL, created_at = now()
     WHERE i.created_at <= now() - emailgw_api.idempotency_window(c_endpoint);
    v_known := NOT FOUND;
    IF v_known THEN
        SELECT CASE WHEN i.body_hash = p_body_hash THEN 0 ELSE 409 END,
               CASE WHEN i.body_hash = p_body_hash THEN i.answer END
          INTO status, answer
          FROM idempotency AS i
         WHERE i.account_id = p_account_id AND i.domain_id = v_domain_id AND i.endpoint = c_endpoint
           AND i.key_hash = p_idempotency_key;
        status := coalesce(status, 0); -- it was purged meanwhile
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.begin_batch TO emailgw_module;
