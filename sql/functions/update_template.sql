-- update_template: changes a template; NULL keeps what is there, an empty content takes it away.
-- status is 0, 2 where there is no such template, 3 where it would have no content.
CREATE FUNCTION emailgw_api.update_template(p_account_id bigint, p_template_id bigint, p_name text, p_subject text,
                                            p_html text, p_plain text, OUT status integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
DECLARE
    v_old record;
BEGIN
    SELECT nullif(coalesce(p_html, t.html), '') AS html, nullif(coalesce(p_plain, t.plain), '') AS plain INTO v_old
      FROM template AS t
     WHERE t.account_id = p_account_id AND t.template_id = p_template_id
       FOR NO KEY UPDATE;
    status := CASE WHEN NOT FOUND THEN 2
                   WHEN v_old.html IS NULL AND v_old.plain IS NULL THEN 3
                   ELSE 0 END;
    IF status = 0 THEN
        UPDATE template AS t
           SET name = coalesce(p_name, t.name), subject = coalesce(p_subject, t.subject), html = v_old.html,
               plain = v_old.plain, updated_at = now()
         WHERE t.account_id = p_account_id AND t.template_id = p_template_id;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.update_template TO emailgw_module;
