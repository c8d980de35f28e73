-- end_batch: keeps the answer to a batch that has an idempotency key (begin_batch). The
-- first to be kept counts, so that two at the same time are answered the same: it is
-- what comes back.
-- Its 24 hours begin now, after those of its mails: as long as it knows one of them, it
-- knows all.
CREATE FUNCTION emailgw_api.end_batch(p_account_id bigint, p_key_hash bytea, p_idempotency_key bytea, p_body_hash bytea,
                                      p_answer text, OUT answer text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    c_endpoint CONSTANT text := 'batch';
BEGIN
    UPDATE idempotency AS i
       SET answer = coalesce(i.answer, p_answer), created_at = CASE WHEN i.answer IS NULL THEN now() ELSE i.created_at END
      FROM api_key AS k
     WHERE k.account_id = p_account_id AND k.key_hash = p_key_hash
       AND i.account_id = p_account_id AND i.domain_id = k.domain_id AND i.endpoint = c_endpoint
       AND i.key_hash = p_idempotency_key AND i.body_hash = p_body_hash
    RETURNING i.answer INTO answer;
    answer := coalesce(answer, p_answer);
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.end_batch TO emailgw_module;
