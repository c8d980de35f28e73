-- ctl_webhook_replay: replay_posts of the events from p_since on and before p_until.
CREATE FUNCTION emailgw_api.ctl_webhook_replay(p_account_id bigint, p_webhook_id bigint, p_since timestamptz,
                                               p_until timestamptz, p_all boolean, p_enable boolean, p_most integer,
                                               OUT status text, OUT posts bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT CASE r.status WHEN 0 THEN 'ok'
                         WHEN 4 THEN 'unknown webhook'
                         WHEN 7 THEN format('what became of older posts is not known any more: %s days at most',
                                            emailgw_api.webhook_log_days())
                         WHEN 8 THEN 'the webhook is disabled'
                         ELSE format('over %s events: ask for less time', p_most) END, r.posts
      FROM emailgw_api.replay_posts(p_account_id, p_webhook_id, NULL, p_since, p_until, p_all, p_enable, p_most) AS r
$$;
