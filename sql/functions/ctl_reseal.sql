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
    ), of_webhook AS ( -- both of a domain at once: a row changes once in a statement
        UPDATE domain AS d
           SET webhook_key_sealed = coalesce(v.sealed, d.webhook_key_sealed),
               former_webhook_key_sealed = coalesce(v.sealed_before, d.former_webhook_key_sealed)
          FROM (SELECT n.account_id, n.id,
                       (array_agg(n.former) FILTER (WHERE n.kind = 'webhook'))[1] AS former,
                       (array_agg(n.sealed) FILTER (WHERE n.kind = 'webhook'))[1] AS sealed,
                       (array_agg(n.former) FILTER (WHERE n.kind = 'webhook before'))[1] AS former_before,
                       (array_agg(n.sealed) FILTER (WHERE n.kind = 'webhook before'))[1] AS sealed_before
                  FROM value AS n
                 WHERE n.kind IN ('webhook', 'webhook before')
                 GROUP BY n.account_id, n.id) AS v
         WHERE d.account_id = v.account_id AND d.domain_id = v.id
           AND d.webhook_key_sealed = coalesce(v.former, d.webhook_key_sealed)
           AND d.former_webhook_key_sealed IS NOT DISTINCT FROM coalesce(v.former_before, d.former_webhook_key_sealed)
        RETURNING num_nonnulls(v.sealed, v.sealed_before) AS count
    )
    SELECT (SELECT count(*) FROM of_account) + (SELECT count(*) FROM of_key) + coalesce((SELECT sum(w.count) FROM of_webhook AS w), 0)::bigint
$$;
