-- add_returned: a mail that came back, for a sender to read: on disk when this is
-- committed.
--   p_account_ids .. p_hosts  the return paths that it came to, one element each
-- One row a return path, in their order. status is
--   added    it waits, maybe since it came before
--   full     too many wait already: it is not kept
--   gone     there is nothing to record of it any more: it is not kept
--   unknown  no return path of that mail's domain: it is not kept
-- The bounds hold but for calls that are made at the same moment.
CREATE FUNCTION emailgw_api.add_returned(p_account_ids bigint[], p_message_ids uuid[], p_recipient_nos integer[],
                                         p_hosts text[], p_mail bytea)
RETURNS TABLE (status text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    c_waiting CONSTANT integer := 10000; -- mails, of all return paths
    c_waiting_bytes CONSTANT bigint := 1073741824;
    c_each CONSTANT integer := 20;       -- of one return path, also those that are set aside
    v_digest CONSTANT bytea := sha256(p_mail);
    v_path record;
    v_count bigint;
    v_bytes bigint;
BEGIN
    SELECT count(*), coalesce(sum(w.size), 0) INTO v_count, v_bytes
      FROM (SELECT octet_length(q.mail) AS size FROM returned_queue AS q WHERE q.set_aside_at IS NULL LIMIT c_waiting) AS w;
    FOR v_path IN
        SELECT p.* FROM unnest(p_account_ids, p_message_ids, p_recipient_nos, p_hosts) WITH ORDINALITY
                        AS p (account_id, message_id, recipient_no, host, n) ORDER BY p.n
    LOOP
        status := emailgw_api.return_path_state(v_path.account_id, v_path.message_id, v_path.recipient_no, v_path.host);
        IF status = 'known' THEN
            v_count := v_count + 1;
            v_bytes := v_bytes + octet_length(p_mail);
            status := CASE WHEN v_count > c_waiting OR v_bytes > c_waiting_bytes
                             OR (SELECT count(*) FROM returned_queue AS q
                                  WHERE q.account_id = v_path.account_id AND q.message_id = v_path.message_id
                                    AND q.recipient_no = v_path.recipient_no) >= c_each
                           THEN 'full' ELSE 'added' END;
        END IF;
        IF status = 'added' THEN
            INSERT INTO returned_queue (account_id, message_id, recipient_no, digest, host, mail)
            VALUES (v_path.account_id, v_path.message_id, v_path.recipient_no, v_digest, v_path.host, p_mail)
            ON CONFLICT (account_id, message_id, recipient_no, digest) DO NOTHING;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.add_returned TO emailgw_module;
