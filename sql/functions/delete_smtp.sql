-- delete_smtp: an SMTP credential is dead from here on. Whether there was such a
-- one; those of a deleted domain are gone with it.
CREATE FUNCTION emailgw_api.delete_smtp(p_account_id bigint, p_smtp_id bigint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
BEGIN
    UPDATE smtp_credential AS s SET deleted_at = now()
      FROM domain AS d
     WHERE s.account_id = p_account_id AND s.smtp_id = p_smtp_id AND s.deleted_at IS NULL
       AND d.account_id = s.account_id AND d.domain_id = s.domain_id AND d.deleted_at IS NULL;
    RETURN FOUND;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.delete_smtp TO emailgw_module;
