-- ctl_reseal: values of ctl_sealed, sealed by another key. One that has changed
-- meanwhile is left as it is.
CREATE FUNCTION emailgw_api.ctl_reseal(p_kinds text[], p_account_ids bigint[], p_ids bigint[], p_former bytea[],
                                       p_sealed bytea[], OUT resealed bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    WITH value AS (
        SELECT * FROM unnest(p_kinds, p_account_ids, p_ids, p_former, p_sealed)
                   AS v (kind, account_id, id, former, sealed)
    ), of_account AS (
        UPDATE account AS a SET api_key_sealed = v.sealed
          FROM value AS v
         WHERE v.kind = 'account' AND a.account_id = v.account_id AND a.api_key_sealed = v.former
        RETURNING 1
    ), of_key AS (
        UPDATE api_key AS k SET key_sealed = v.sealed
          FROM value AS v
         WHERE v.kind = 'key' AND k.account_id = v.account_id AND k.api_key_id = v.id AND k.key_sealed = v.former
        RETURNING 1
    ), of_webhook AS (
        UPDATE domain AS d SET webhook_key_sealed = v.sealed
          FROM value AS v
         WHERE v.kind = 'webhook' AND d.account_id = v.account_id AND d.domain_id = v.id
           AND d.webhook_key_sealed = v.former
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM of_account) + (SELECT count(*) FROM of_key) + (SELECT count(*) FROM of_webhook)
$$;
