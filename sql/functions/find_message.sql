-- find_message: may a caller ask for a message, and whose is it?
--   p_key_hash  SHA-256 of a sender key: the message must be of its domain; NULL is the account itself, authenticated
-- One row always. status is 0, that of sender_key, 13 for a key that does not exist, or
-- 131: there is no such message, or it is another's.
CREATE FUNCTION emailgw_api.find_message(p_account_id bigint, p_key_hash bytea, p_permission text, p_message_id uuid,
                                         OUT status integer, OUT domain_id bigint)
LANGUAGE plpgsql STABLE SET search_path = emailgw, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    v_of bigint; -- the key's domain
BEGIN
    IF p_key_hash IS NOT NULL THEN
        SELECT k.status, k.domain_id INTO status, v_of
          FROM emailgw_api.sender_key(p_account_id, p_key_hash, p_permission) AS k;
        status := coalesce(status, 13);
        IF status <> 0 THEN
            RETURN;
        END IF;
    END IF;
    SELECT m.domain_id INTO domain_id
      FROM message AS m
     WHERE m.account_id = p_account_id AND m.message_id = p_message_id
       AND (p_key_hash IS NULL OR m.domain_id = v_of);
    status := CASE WHEN FOUND THEN 0 ELSE 131 END;
END
$$;
