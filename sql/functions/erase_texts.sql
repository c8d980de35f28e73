-- erase_texts: of some texts those that tell of a person, without that; no is their number
-- among all, from 1 on.
CREATE FUNCTION emailgw_api.erase_texts(p_address text, p_texts text[])
RETURNS TABLE (no bigint, erased text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    c_letters CONSTANT text := emailgw_api.address_letters(fold_address(p_address), true);
    c_pattern CONSTANT text := emailgw_api.address_pattern(fold_address(p_address), true);
BEGIN
    RETURN QUERY
    SELECT t.no, regexp_replace(t.text, c_pattern, '[erased]', 'gi')
      FROM unnest(p_texts) WITH ORDINALITY AS t (text, no)
     WHERE CASE WHEN t.text ~* c_letters THEN t.text ~* c_pattern ELSE false END
     ORDER BY t.no;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.erase_texts TO emailgw_sender;
