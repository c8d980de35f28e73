-- list_mail_id: the message id of a list job's mail number p_no, from 1 on; the job's own for 0.
CREATE FUNCTION emailgw_api.list_mail_id(p_id uuid, p_no bigint)
RETURNS uuid
LANGUAGE sql IMMUTABLE
AS $$
    SELECT (left(p_id::text, 28) || lpad(to_hex(p_no), 8, '0'))::uuid
$$;
