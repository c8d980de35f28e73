-- add_template: a new template of an account.
--   p_limit  templates that an account may have
-- status is 0, or 112 where it has p_limit of them.
CREATE FUNCTION emailgw_api.add_template(p_account_id bigint, p_name text, p_subject text, p_html text, p_plain text,
                                         p_limit integer, OUT status integer, OUT template_id bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    -- Who adds waits for others who do, so that all count the same ones.
    PERFORM FROM account AS a WHERE a.account_id = p_account_id FOR NO KEY UPDATE;
    status := CASE WHEN (SELECT count(*) FROM template AS t WHERE t.account_id = p_account_id) >= p_limit THEN 112
                   ELSE 0 END;
    IF status = 0 THEN
        INSERT INTO template AS t (account_id, name, subject, html, plain)
        VALUES (p_account_id, p_name, p_subject, p_html, p_plain)
        RETURNING t.template_id INTO template_id;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.add_template TO emailgw_module;
