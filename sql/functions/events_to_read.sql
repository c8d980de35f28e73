-- events_to_read: how many events of these types (NULL: all) and days a domain
-- still has, where that is more than one request may read; else NULL. What has
-- no counter to answer it is bounded by this, before it begins.
--   p_digested  days that are answered from their digests
CREATE FUNCTION emailgw_api.events_to_read(p_account_id bigint, p_domain_id bigint, p_from date, p_until date,
                                           p_types smallint[], p_digested date[] DEFAULT '{}')
RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    c_most CONSTANT bigint := 1000000;
    v_first date := emailgw_api.first_event_day(p_account_id, p_domain_id);
    v_count bigint;
BEGIN
    SELECT sum(d.count) INTO v_count
      FROM emailgw_api.domain_counts(p_account_id, p_domain_id, greatest(p_from, v_first), p_until) AS d
     WHERE v_first IS NOT NULL AND d.type < 100 AND (p_types IS NULL OR d.type = ANY (p_types))
       AND d.day <> ALL (p_digested);
    RETURN CASE WHEN v_count > c_most THEN v_count END;
END
$$;
