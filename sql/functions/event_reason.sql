-- event_reason: what the other side said, in a line: "550 5.1.1 No such user".
CREATE FUNCTION emailgw_api.event_reason(p_detail jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT concat_ws(' ', p_detail #>> '{smtp,code}', p_detail #>> '{smtp,enhanced}', p_detail #>> '{smtp,text}')
$$;
