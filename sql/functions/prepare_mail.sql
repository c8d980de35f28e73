-- prepare_mail: what must be known of a request with a template or a list before its texts can be made.
--   p_idempotency_key  SHA-256 of the Idempotency-Key, NULL without one; p_body_hash is the body's
--   p_template_id, p_list_id  NULL where there is none
-- status is that of sender_key, 13 for a key that does not exist. answer is 0 where the
-- request was answered before, with answer_id, 409 where the key is another request's, else NULL.
CREATE FUNCTION emailgw_api.prepare_mail(p_account_id bigint, p_key_hash bytea, p_idempotency_key bytea,
                                         p_body_hash bytea, p_template_id bigint, p_list_id bigint,
                                         OUT status integer, OUT domain_id bigint, OUT answer integer,
                                         OUT answer_id uuid, OUT template_known boolean, OUT subject text,
                                         OUT html text, OUT plain text, OUT list_known boolean,
                                         OUT subscribers integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    SELECT k.status, k.domain_id INTO status, domain_id FROM emailgw_api.sender_key(p_account_id, p_key_hash, 'send') AS k;
    IF status IS DISTINCT FROM 0 THEN
        status := coalesce(status, 13);
        RETURN;
    END IF;
    SELECT a.status, a.message_id INTO answer, answer_id
      FROM emailgw_api.idempotent_answer(p_account_id, domain_id, 'email', p_idempotency_key, p_body_hash) AS a;
    SELECT true, t.subject, t.html, t.plain INTO template_known, subject, html, plain
      FROM template AS t WHERE t.account_id = p_account_id AND t.template_id = p_template_id;
    SELECT true, l.subscribers INTO list_known, subscribers
      FROM list AS l WHERE l.account_id = p_account_id AND l.list_id = p_list_id AND l.deleted_at IS NULL;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.prepare_mail TO emailgw_module;
