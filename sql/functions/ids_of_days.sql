-- ids_of_days: between which ids the events of days (UTC) are, both days included,
-- NULL being open: from low on, and below high.
CREATE FUNCTION emailgw_api.ids_of_days(p_from date, p_until date, OUT low uuid, OUT high uuid)
LANGUAGE sql IMMUTABLE
AS $$
    SELECT emailgw.uuid7_floor(coalesce(p_from, '1970-01-01')::timestamp AT TIME ZONE 'UTC'),
           coalesce(emailgw.uuid7_floor((p_until + 1)::timestamp AT TIME ZONE 'UTC'), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
$$;
