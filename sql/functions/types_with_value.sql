-- types_with_value: the types of events that event_value is asked of; NULL is all.
CREATE FUNCTION emailgw_api.types_with_value(p_field text)
RETURNS smallint[]
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN p_field IN ('bounceType', 'bounceReason') THEN '{4}'::smallint[]
                WHEN p_field IN ('mxHost', 'smtpCode') THEN '{2,3,4}'
                WHEN p_field = 'linkURL' THEN '{8}' END
$$;
