-- update_domain: changes what is not NULL, and answers as get_domain does.
--   p_tracking_url  '' for none
--   p_mail_host, p_tracking_host  what records name from now on, if they are renewed
-- Another subdomain means other records to publish: the domain is pending until
-- they are verified, and gives its name up. Another tracking URL can make the
-- tracking record required: an enabled domain is then due, behind those that have
-- been for longer, so that nobody keeps others from their turn.
CREATE FUNCTION emailgw_api.update_domain(p_account_id bigint, p_domain_id bigint, p_link_tracking boolean,
                                          p_open_tracking boolean, p_unsubscribe_link boolean,
                                          p_hosting_provider text, p_subdomain text, p_tracking_url text,
                                          p_mail_host text, p_tracking_host text)
RETURNS TABLE (domain_id bigint, name text, domain_status text, link_tracking boolean, open_tracking boolean,
               unsubscribe_link boolean, hosting_provider text, subdomain text, tracking_base_url text,
               mail_host text, tracking_host text, ownership_token text, dkim_selector text, dkim_record text,
               records_version integer, records_verified text, records_failed text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    c_of_subdomain CONSTANT text[] := '{"return path",SPF,tracking}';
    c_due CONSTANT interval := '6 hours'; -- the usual time between two checks
    v_domain record;
    v_url text;
BEGIN
    SELECT d.name, d.subdomain, d.tracking_base_url INTO v_domain
      FROM domain AS d
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL
       FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    v_url := nullif(coalesce(p_tracking_url, v_domain.tracking_base_url), '');
    UPDATE domain AS d
       SET link_tracking = coalesce(p_link_tracking, d.link_tracking),
           open_tracking = coalesce(p_open_tracking, d.open_tracking),
           unsubscribe_link = coalesce(p_unsubscribe_link, d.unsubscribe_link),
           hosting_provider = coalesce(p_hosting_provider, d.hosting_provider)
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id;
    IF v_url IS DISTINCT FROM v_domain.tracking_base_url THEN
        UPDATE domain AS d
           SET tracking_base_url = v_url, records_version = d.records_version + 1,
               check_base = CASE WHEN d.check_base IS NOT NULL THEN least(d.check_base, now() - c_due) END
         WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id;
    END IF;
    IF p_subdomain <> v_domain.subdomain THEN
        UPDATE domain AS d
           SET subdomain = p_subdomain, mail_host = p_mail_host, tracking_host = p_tracking_host,
               records_version = d.records_version + 1, status = 'Pending', vouched = false, failures = 0,
               failing_since = NULL, check_base = NULL,
               records_verified = ARRAY(SELECT r FROM unnest(d.records_verified) AS r WHERE r <> ALL (c_of_subdomain)),
               records_failed = ARRAY(SELECT r FROM unnest(d.records_failed) AS r WHERE r <> ALL (c_of_subdomain))
         WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id;
        PERFORM emailgw_api.release_domain(v_domain.name, p_account_id, p_domain_id);
    END IF;
    RETURN QUERY SELECT g.* FROM emailgw_api.get_domain(p_account_id, p_domain_id) AS g;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.update_domain TO emailgw_module;
