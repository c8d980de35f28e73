-- erase_in_boxes: mailboxes ([{"email", "name"}]) without those of a person, and with nothing
-- of the person in the names of the others.
--   p_pattern  address_pattern of the person's address
CREATE FUNCTION emailgw_api.erase_in_boxes(p_boxes jsonb, p_pattern text)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT coalesce(jsonb_agg(emailgw_api.erase_in_json(b.box, p_pattern) ORDER BY b.n), '[]')
      FROM jsonb_array_elements(p_boxes) WITH ORDINALITY AS b (box, n)
     WHERE b.box ->> 'email' !~* p_pattern
$$;
