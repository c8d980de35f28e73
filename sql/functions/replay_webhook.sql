-- replay_webhook: replay_posts for an account. status is also that of find_webhook.
CREATE FUNCTION emailgw_api.replay_webhook(p_account_id bigint, p_domain_id bigint, p_webhook_id bigint, p_event_id uuid,
                                           p_since timestamptz, p_until timestamptz, p_all boolean, p_enable boolean,
                                           p_most integer, OUT status integer, OUT posts bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    status := emailgw_api.find_webhook(p_account_id, p_domain_id, p_webhook_id);
    posts := 0;
    IF status = 0 THEN
        SELECT r.status, r.posts INTO status, posts
          FROM emailgw_api.replay_posts(p_account_id, p_webhook_id, p_event_id, p_since, p_until,
                                        coalesce(p_all, false), coalesce(p_enable, false), p_most) AS r;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.replay_webhook TO emailgw_module;
