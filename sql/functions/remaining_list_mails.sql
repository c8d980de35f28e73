-- remaining_list_mails: mails to a list, as store_list_mails takes them, but for those whose
-- subscribers are on it no more: they may have been erased while the mails were made. The others'
-- numbers have no gaps. NULL for NULL.
CREATE FUNCTION emailgw_api.remaining_list_mails(p_account_id bigint, p_list_id bigint, p_mails jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE STRICT
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_ids bigint[] := ARRAY( -- by their path, which copies nothing of the texts
        SELECT i.value::bigint FROM jsonb_array_elements_text(jsonb_path_query_array(p_mails, '$[*].subscriber_id')) AS i);
    v_made CONSTANT integer := cardinality(v_ids);
BEGIN
    v_ids := ARRAY(SELECT s.subscriber_id FROM emailgw.subscriber AS s
                    WHERE s.account_id = p_account_id AND s.list_id = p_list_id AND s.subscriber_id = ANY (v_ids));
    IF cardinality(v_ids) = v_made THEN
        RETURN p_mails;
    END IF;
    RETURN (SELECT coalesce(jsonb_agg(m.value || jsonb_build_object('no', m.no) ORDER BY m.no), '[]')
              FROM (SELECT r.value, row_number() OVER (ORDER BY r.n) AS no
                      FROM jsonb_array_elements(p_mails) WITH ORDINALITY AS r (value, n)
                     WHERE (r.value ->> 'subscriber_id')::bigint = ANY (v_ids)) AS m);
END
$$;
