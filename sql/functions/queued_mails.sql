-- queued_mails: how many mails of a domain wait to be sent. Not those that a
-- sender has in hand. More than c_most are counted page by page, which is several
-- times faster than by the index; of a queue of more than c_pages a sample is, for
-- an estimate within a few percent.
CREATE FUNCTION emailgw_api.queued_mails(p_account_id bigint, p_domain_id bigint)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off
AS $$
DECLARE
    c_most CONSTANT integer := 20000;
    c_pages CONSTANT integer := 8192;
    v_epoch CONSTANT integer := (SELECT d.queue_epoch FROM emailgw.domain AS d
                                  WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id);
    v_part double precision;
    v_count bigint;
BEGIN
    SELECT count(*) INTO v_count
      FROM (SELECT FROM emailgw.queue AS q
             WHERE q.ready AND q.account_id = p_account_id AND q.domain_id = p_domain_id AND q.epoch = v_epoch
            UNION ALL
            SELECT FROM emailgw.queue AS q
             WHERE NOT q.ready AND NOT q.leased
               AND q.account_id = p_account_id AND q.domain_id = p_domain_id AND q.epoch = v_epoch
             LIMIT c_most + 1) AS q;
    IF v_count > c_most THEN
        v_part := least(1, c_pages * current_setting('block_size')::double precision
                           / pg_relation_size('emailgw.queue'));
        SELECT greatest(v_count, count(*) / v_part) INTO v_count
          FROM emailgw.queue AS q TABLESAMPLE SYSTEM (100 * v_part)
         WHERE (q.ready OR NOT q.leased)
           AND q.account_id = p_account_id AND q.domain_id = p_domain_id AND q.epoch = v_epoch;
    END IF;
    RETURN v_count;
END
$$;
