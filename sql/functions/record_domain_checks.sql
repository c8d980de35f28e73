-- record_domain_checks: results of checks that claim_domain_checks gave out.
--   p_checks  [{"account_id", "domain_id", "lease", "records_version", "outcome",
--              "verified": [], "failed": []}]; outcome as of judge_check
--   p_interval_us, p_warn_us, p_suspend_us  microseconds; see judge_check
-- One row for each domain whose status has changed; held is false where it stays
-- suspended although its records hold, since another account has its name by now.
-- A suspended domain gives its name up, and gets it back as the first to verify.
CREATE FUNCTION emailgw_api.record_domain_checks(p_checks jsonb, p_interval_us bigint, p_warn_us bigint,
                                                 p_suspend_us bigint)
RETURNS TABLE (account_id bigint, domain_id bigint, name text, former_status text, domain_status text, held boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    c_scatter CONSTANT float8 := 0.1; -- the next check comes so much of the interval sooner or later
    v_interval CONSTANT interval := make_interval(secs => p_interval_us / 1e6);
    v_check record;
    v_domain record;
    v_after record;
BEGIN
    FOR v_check IN
        SELECT c.* FROM jsonb_to_recordset(p_checks)
                   AS c (account_id bigint, domain_id bigint, lease timestamptz, records_version integer,
                         outcome text, verified text[], failed text[])
         ORDER BY c.account_id, c.domain_id
    LOOP
        SELECT d.* INTO v_domain
          FROM domain AS d
         WHERE d.account_id = v_check.account_id AND d.domain_id = v_check.domain_id AND d.deleted_at IS NULL
           AND d.check_base = v_check.lease AND d.records_version = v_check.records_version
           FOR NO KEY UPDATE;
        CONTINUE WHEN NOT FOUND;

        SELECT j.* INTO v_after
          FROM emailgw_api.judge_check(v_domain.status, v_domain.failures, v_domain.failing_since,
                                       v_domain.checked_at, v_check.outcome, v_interval,
                                       make_interval(secs => p_warn_us / 1e6),
                                       make_interval(secs => p_suspend_us / 1e6)) AS j;
        held := v_domain.status <> 'Suspended' OR v_after.status = 'Suspended'
                OR emailgw_api.hold_domain(v_domain.name, v_domain.account_id, v_domain.domain_id);
        IF NOT held THEN
            v_after.status := v_domain.status;
        END IF;
        UPDATE domain AS d
           SET status = v_after.status, failures = v_after.failures, failing_since = v_after.failing_since,
               checked_at = now(), check_base = now() + v_interval * c_scatter * (2 * random() - 1)
         WHERE d.account_id = v_domain.account_id AND d.domain_id = v_domain.domain_id;
        PERFORM emailgw_api.note_records(v_domain.account_id, v_domain.domain_id, v_check.verified, v_check.failed);
        IF v_after.status = 'Suspended' THEN
            PERFORM emailgw_api.release_domain(v_domain.name, v_domain.account_id, v_domain.domain_id);
        END IF;
        IF v_after.status <> v_domain.status OR NOT held THEN
            account_id := v_domain.account_id;
            domain_id := v_domain.domain_id;
            name := v_domain.name;
            former_status := v_domain.status;
            domain_status := v_after.status;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.record_domain_checks TO emailgw_sender;
