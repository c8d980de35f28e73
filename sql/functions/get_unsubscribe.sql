-- get_unsubscribe: whom the page that a link to unsubscribe leads to speaks of. No row
-- where the mail is gone.
CREATE FUNCTION emailgw_api.get_unsubscribe(p_account_id bigint, p_message_id uuid, p_recipient_no integer)
RETURNS TABLE (email text, domain text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT r.email, d.name
      FROM recipient AS r
      JOIN message AS m ON m.account_id = r.account_id AND m.message_id = r.message_id
      JOIN domain AS d ON d.account_id = m.account_id AND d.domain_id = m.domain_id
     WHERE r.account_id = p_account_id AND r.message_id = p_message_id AND r.recipient_no = p_recipient_no
       AND m.message_id = p_message_id
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_unsubscribe TO emailgw_module;
