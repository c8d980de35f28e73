-- list_job_room: how many mails of a list job may be queued now.
--   p_ahead  mails that a domain may have ready
-- Where there is no room: waits tells for what, NULL for the mails before them, and
-- wait_until when to look again.
CREATE FUNCTION emailgw_api.list_job_room(p_account_id bigint, p_domain_id bigint, p_queue_epoch integer, p_ahead integer,
                                          OUT mails bigint, OUT waits text, OUT wait_until timestamptz)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_limits record;
    v_used record;
    v_quota record;
BEGIN
    mails := p_ahead - (SELECT count(*) FROM (
        SELECT FROM emailgw.queue AS q
         WHERE q.ready AND q.account_id = p_account_id AND q.domain_id = p_domain_id AND q.epoch = p_queue_epoch
         LIMIT p_ahead) AS r);
    wait_until := now() + interval '200 ms';
    SELECT * INTO v_limits FROM emailgw_api.account_limits(p_account_id);
    SELECT * INTO v_used FROM emailgw_api.used_quota(p_account_id, now());
    SELECT p.period, p.allowed, p.allowed - p.used AS left_over INTO v_quota
      FROM (VALUES ('hour', v_limits.sends_per_hour, v_used.hour), ('day', v_limits.sends_per_day, v_used.day),
                   ('month', v_limits.sends_per_month, v_used.month)) AS p (period, allowed, used)
     WHERE p.allowed IS NOT NULL
     ORDER BY p.allowed - p.used, p.period = 'hour', p.period = 'day'
     LIMIT 1;
    IF v_quota.left_over < mails THEN
        mails := v_quota.left_over;
        IF mails <= 0 THEN
            wait_until := emailgw_api.period_end(v_quota.period, now());
            waits := emailgw_api.quota_detail(v_quota.period, v_quota.allowed, wait_until);
        END IF;
    END IF;
END
$$;
