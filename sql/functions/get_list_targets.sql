-- get_list_targets: the next p_limit subscribers of a list for a mail of a domain, in the order of their ids.
--   p_after, p_until  only those behind the one, up to the other
-- suppressed: on the suppression list by now. Erased addresses are looked for when the mail is sent.
CREATE FUNCTION emailgw_api.get_list_targets(p_account_id bigint, p_list_id bigint, p_domain_id bigint,
                                             p_after bigint, p_until bigint, p_limit integer)
RETURNS TABLE (subscriber_id bigint, email text, name text, fields json, suppressed boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT s.subscriber_id, s.email, s.name, s.fields,
           EXISTS (SELECT FROM emailgw_api.suppressions_of(p_account_id, p_domain_id, s.email, NULL))
      FROM subscriber AS s
     WHERE s.account_id = p_account_id AND s.list_id = p_list_id AND s.subscriber_id > p_after
       AND s.subscriber_id <= p_until
     ORDER BY s.subscriber_id
     LIMIT p_limit;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_list_targets TO emailgw_module, emailgw_sender;
