-- own_message_id: the Message-ID that a mail by SMTP came with, which it keeps; NULL: it has the gateway's.
CREATE FUNCTION emailgw_api.own_message_id(p_account_id bigint, p_message_id uuid)
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT h ->> 1
      FROM emailgw.content AS c
     CROSS JOIN LATERAL jsonb_array_elements(c.headers) AS h
     WHERE c.account_id = p_account_id AND c.message_id = p_message_id AND lower(h ->> 0) = 'message-id'
     LIMIT 1
$$;
