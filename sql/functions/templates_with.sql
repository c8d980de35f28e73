-- templates_with: the templates of an account that tell of a person: texts of the account's
-- own, sent to others, so they are told and not changed.
--   p_spellings  of the address, folded
CREATE FUNCTION emailgw_api.templates_with(p_account_id bigint, p_spellings text[])
RETURNS bigint[]
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(array_agg(t.template_id ORDER BY t.template_id), '{}')
      FROM emailgw.template AS t
     CROSS JOIN LATERAL concat_ws(E'\n', t.name, t.subject, t.html, t.plain) AS a (texts)
     WHERE t.account_id = p_account_id
       AND CASE WHEN a.texts ~* emailgw_api.address_letters(p_spellings, true)
                THEN a.texts ~* emailgw_api.address_pattern(p_spellings, true) ELSE false END
$$;
