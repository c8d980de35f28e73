-- erase_in_boxes: mailboxes ([{"email", "name"}]) without those of a person, and with nothing
-- of the person in the names of the others, whose addresses may end as the person's does.
--   p_spellings  of the person's address, folded; p_pattern address_pattern of them
CREATE FUNCTION emailgw_api.erase_in_boxes(p_boxes jsonb, p_spellings text[], p_pattern text)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT coalesce(jsonb_agg(emailgw_api.erase_in_json(b.box - 'email', p_pattern)
                              || jsonb_build_object('email', b.box -> 'email') ORDER BY b.n), '[]')
      FROM jsonb_array_elements(p_boxes) WITH ORDINALITY AS b (box, n)
     WHERE emailgw.fold_address(b.box ->> 'email') <> ALL (p_spellings)
$$;
