-- event_ids: p_count ids for events of now, ascending: a UUIDv7 and those after
-- it (RFC 9562 section 6.2, method 2). Random bits cost more than all else that
-- is done for an event.
CREATE FUNCTION emailgw_api.event_ids(p_count integer)
RETURNS uuid[]
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_first CONSTANT bytea := uuid_send(emailgw.uuid7(now()));
    v_head CONSTANT bytea := substring(v_first FOR 8);
    v_tail CONSTANT bigint := ('x' || encode(substring(v_first FROM 9), 'hex'))::bit(64)::bigint;
BEGIN
    RETURN ARRAY(SELECT encode(v_head || int8send(v_tail + n), 'hex')::uuid
                   FROM generate_series(0, p_count - 1) AS n);
END
$$;
