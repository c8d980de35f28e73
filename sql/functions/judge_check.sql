-- judge_check: what one more check makes of a domain that was enabled.
--   p_outcome  of the required records together: 'holds', 'fails', 'unknown'
-- Three checks in a row that failed, the first of them p_warn ago, make it
-- Warning, and Suspended when that is p_suspend ago. Time in which DNS did not
-- answer, or nobody looked, does not count: failing_since moves on by it.
CREATE FUNCTION emailgw_api.judge_check(INOUT status emailgw.domain_status, INOUT failures integer,
                                        INOUT failing_since timestamptz, p_checked_at timestamptz,
                                        p_outcome text, p_interval interval, p_warn interval, p_suspend interval)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    c_failures CONSTANT integer := 3;
    v_passed interval := now() - coalesce(p_checked_at, now());
BEGIN
    IF p_outcome = 'holds' THEN
        status := 'Enabled';
        failures := 0;
        failing_since := NULL;
    ELSIF p_outcome = 'unknown' THEN
        failing_since := failing_since + v_passed;
    ELSE
        failures := failures + 1;
        failing_since := coalesce(failing_since + greatest(v_passed - 2 * p_interval, '0'), now());
        IF failures >= c_failures AND failing_since <= now() - p_suspend THEN
            status := 'Suspended';
        ELSIF failures >= c_failures AND failing_since <= now() - p_warn AND status = 'Enabled' THEN
            status := 'Warning';
        END IF;
    END IF;
END
$$;
