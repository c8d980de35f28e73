-- ctl_limits_set: limits of an account or, with p_group, of a group.
--   p_hour .. p_domains  NULL is no limit
--   p_keep               which of hour, day, month, domains to leave as they are
--   p_inherit            which of them an account gives up: its group's hold again
CREATE FUNCTION emailgw_api.ctl_limits_set(p_username text, p_group text, p_hour bigint, p_day bigint,
                                           p_month bigint, p_domains bigint, p_keep text[],
                                           p_inherit text[] DEFAULT '{}', OUT status text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    v_group_id bigint;
BEGIN
    IF (p_username IS NULL) = (p_group IS NULL) THEN
        status := 'name either a user or a group';
        RETURN;
    END IF;
    IF p_group IS NOT NULL AND p_inherit <> '{}' THEN
        status := 'a group has no group to take limits from';
        RETURN;
    END IF;
    v_group_id := emailgw_api.ctl_group(p_group);
    UPDATE account_group
       SET sends_per_hour = CASE WHEN 'hour' = ANY (p_keep) THEN sends_per_hour ELSE p_hour END,
           sends_per_day = CASE WHEN 'day' = ANY (p_keep) THEN sends_per_day ELSE p_day END,
           sends_per_month = CASE WHEN 'month' = ANY (p_keep) THEN sends_per_month ELSE p_month END,
           max_domains = CASE WHEN 'domains' = ANY (p_keep) THEN max_domains ELSE p_domains END
     WHERE group_id = v_group_id;
    UPDATE account AS a
       SET sends_per_hour = CASE WHEN 'hour' = ANY (p_inherit) THEN NULL
                             WHEN 'hour' = ANY (p_keep) THEN a.sends_per_hour ELSE p_hour END,
           sends_per_day = CASE WHEN 'day' = ANY (p_inherit) THEN NULL
                            WHEN 'day' = ANY (p_keep) THEN a.sends_per_day ELSE p_day END,
           sends_per_month = CASE WHEN 'month' = ANY (p_inherit) THEN NULL
                              WHEN 'month' = ANY (p_keep) THEN a.sends_per_month ELSE p_month END,
           max_domains = CASE WHEN 'domains' = ANY (p_inherit) THEN NULL
                          WHEN 'domains' = ANY (p_keep) THEN a.max_domains ELSE p_domains END,
           own_limits = ARRAY(SELECT n FROM unnest('{hour,day,month,domains}'::text[]) AS n
                               WHERE (n = ANY (a.own_limits) OR n <> ALL (p_keep)) AND n <> ALL (p_inherit))
      FROM directory_username AS u
     WHERE u.username = p_username AND a.account_id = u.account_id;
    status := CASE WHEN FOUND OR p_group IS NOT NULL THEN 'ok' ELSE 'unknown user' END;
END
$$;
