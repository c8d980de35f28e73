-- get_batch_templates: the texts of an account's templates that the mails of a batch name.
--   p_template_ids  in the order of the mails; one may be in it more than once
--   p_max  bytes: as soon as the texts have that many, no more of them come
-- One row an id, in the order in which they are first named: at least that of the first. template_known is
-- false where there is no such template.
CREATE FUNCTION emailgw_api.get_batch_templates(p_account_id bigint, p_template_ids bigint[], p_max bigint)
RETURNS TABLE (template_id bigint, template_known boolean, subject text, html text, plain text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT s.template_id, s.known, s.subject, s.html, s.plain
      FROM (SELECT n.template_id, n.place, t.template_id IS NOT NULL AS known, t.subject, t.html, t.plain,
                   sum(octet_length(t.subject) + coalesce(octet_length(t.html), 0) + coalesce(octet_length(t.plain), 0))
                       OVER (ORDER BY n.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
              FROM (SELECT i.template_id, min(i.place) AS place
                      FROM unnest(p_template_ids) WITH ORDINALITY AS i (template_id, place)
                     GROUP BY i.template_id) AS n
              LEFT JOIN template AS t ON t.account_id = p_account_id AND t.template_id = n.template_id) AS s
     WHERE coalesce(s.bytes_before, 0) < p_max
     ORDER BY s.place
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.get_batch_templates TO emailgw_module;
