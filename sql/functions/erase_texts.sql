-- erase_texts: of some texts those that tell of a person, without that; no is their number
-- among all, from 1 on.
--   p_spellings  of the person's address
CREATE FUNCTION emailgw_api.erase_texts(p_spellings text[], p_texts text[])
RETURNS TABLE (no bigint, erased text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    c_spellings CONSTANT text[] := ARRAY(SELECT fold_address(s) FROM unnest(p_spellings) AS s);
    c_letters CONSTANT text := emailgw_api.address_letters(c_spellings, true);
    c_pattern CONSTANT text := emailgw_api.address_pattern(c_spellings, true);
BEGIN
    RETURN QUERY
    SELECT t.no, t.erased
      FROM (SELECT a.no, a.text, emailgw_api.erase_in_text(a.text, c_letters, c_pattern) AS erased
              FROM unnest(p_texts) WITH ORDINALITY AS a (text, no)
            OFFSET 0) AS t -- once each
     WHERE t.erased <> t.text
     ORDER BY t.no;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.erase_texts TO emailgw_sender;
