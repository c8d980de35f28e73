-- make_digests: digests of the newest days that are over and have none that is whole, part by
-- part until they have taken p_seconds; and those of days older than p_days go. To be
-- called now and then: the rest is left to the next time.
CREATE FUNCTION emailgw_api.make_digests(p_days integer, p_seconds double precision)
RETURNS integer -- how many parts were made
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off
AS $$
DECLARE
    c_part CONSTANT integer := 20000; -- events: about a second
    c_settled CONSTANT interval := '10 minutes'; -- after a day's end all that belongs to it is there, mostly
    v_today CONSTANT date := ((now() - c_settled) AT TIME ZONE 'UTC')::date;
    v_end CONSTANT timestamptz := clock_timestamp() + make_interval(secs => p_seconds);
    v_day date;
    v_domain record;
    v_made integer := 0;
BEGIN
    DELETE FROM emailgw.digest AS d WHERE d.day < v_today - p_days;
    DELETE FROM emailgw.digest_day AS d WHERE d.day < v_today - p_days;
    FOR v_day IN
        SELECT v_today - n FROM generate_series(1, p_days) AS n
         WHERE NOT EXISTS (SELECT FROM emailgw.digest_day AS d WHERE d.day = v_today - n) ORDER BY n
    LOOP
        FOR v_domain IN
            SELECT d.account_id, d.domain_id
              FROM emailgw_api.ids_of_days(v_day, v_day) AS i, emailgw.domain AS d
             WHERE d.deleted_at IS NULL
               AND NOT EXISTS (SELECT FROM emailgw.digest AS g
                                WHERE g.account_id = d.account_id AND g.domain_id = d.domain_id AND g.day = v_day
                                  AND g.made_until IS NULL)
               AND EXISTS (SELECT FROM emailgw.event AS e WHERE e.account_id = d.account_id AND e.domain_id = d.domain_id
                              AND e.event_id >= i.low AND e.event_id < i.high)
        LOOP
            LOOP
                IF clock_timestamp() > v_end THEN
                    RETURN v_made;
                END IF;
                v_made := v_made + 1;
                EXIT WHEN emailgw_api.make_digest_part(v_domain.account_id, v_domain.domain_id, v_day, c_part);
            END LOOP;
        END LOOP;
        INSERT INTO emailgw.digest_day (day) VALUES (v_day);
    END LOOP;
    RETURN v_made;
END
$$;
