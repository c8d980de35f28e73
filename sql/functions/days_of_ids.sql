-- days_of_ids: the whole days (UTC) of the events with ids from p_low on and below p_high, both days
-- included, which are none where from_day is the later one; and the ids that they lie between:
-- those from p_low on and below low, and from high on and below p_high, are of parts of days.
CREATE FUNCTION emailgw_api.days_of_ids(p_low uuid, p_high uuid, OUT from_day date, OUT until_day date,
                                        OUT low uuid, OUT high uuid)
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    from_day := (emailgw.uuid7_time(p_low) AT TIME ZONE 'UTC')::date;
    low := (emailgw_api.ids_of_days(from_day, NULL)).low;
    IF low < p_low THEN
        from_day := from_day + 1;
        low := (emailgw_api.ids_of_days(from_day, NULL)).low;
    END IF;
    until_day := (emailgw.uuid7_time(p_high) AT TIME ZONE 'UTC')::date - 1;
    high := greatest(low, (emailgw_api.ids_of_days(NULL, until_day)).high);
END
$$;
