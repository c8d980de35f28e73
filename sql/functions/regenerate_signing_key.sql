-- regenerate_signing_key: another key for the posts of a domain's webhooks. The one
-- before signs as well for 24 hours; the one before that does no more.
--   p_key_sealed  the new key, sealed under the instance's secret
-- One row, or none where the account has no such domain.
CREATE FUNCTION emailgw_api.regenerate_signing_key(p_account_id bigint, p_domain_id bigint, p_key_sealed bytea)
RETURNS TABLE (until_us bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    UPDATE domain AS d
       SET former_webhook_key_sealed = d.webhook_key_sealed, former_webhook_key_until = now() + interval '24 hours',
           webhook_key_sealed = p_key_sealed
     WHERE d.account_id = p_account_id AND d.domain_id = p_domain_id AND d.deleted_at IS NULL
    RETURNING (extract(epoch FROM d.former_webhook_key_until) * 1000000)::bigint
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.regenerate_signing_key TO emailgw_module;
