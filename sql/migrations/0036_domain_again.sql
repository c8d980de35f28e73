-- A domain that is deleted and added again: what was suppressed for it stays so, and its former DKIM
-- selectors are found.

SET LOCAL search_path = emailgw, pg_temp;

CREATE INDEX domain_names ON domain (name, account_id); -- of all accounts, and deleted ones

ALTER TABLE domain ADD COLUMN suppressed_as bigint;
COMMENT ON COLUMN domain.suppressed_as IS 'the domain_id that its suppressions are kept under, one for all domains that an account has had of a name; NULL: its own';

-- Of names that were added again so far: the newest one's, since functions that are in use until the
-- new ones come look there.
UPDATE domain AS d SET suppressed_as = n.newest_id
  FROM (SELECT o.account_id, o.domain_id,
               first_value(o.domain_id) OVER (PARTITION BY o.account_id, o.name
                                              ORDER BY o.deleted_at DESC NULLS FIRST, o.domain_id DESC) AS newest_id
          FROM domain AS o) AS n
 WHERE d.account_id = n.account_id AND d.domain_id = n.domain_id AND n.newest_id <> n.domain_id;

-- Where several have an address, the newest one's own entry stays, then the oldest of the others.
WITH gone AS (
    DELETE FROM suppression AS s USING domain AS d
     WHERE d.account_id = s.account_id AND d.domain_id = s.domain_id AND d.suppressed_as IS NOT NULL
    RETURNING s.account_id, s.address, d.suppressed_as, s.reason, s.created_at, s.message_id, s.reply
)
INSERT INTO suppression (account_id, address, domain_id, reason, created_at, message_id, reply)
SELECT DISTINCT ON (g.account_id, g.address, g.suppressed_as) g.*
  FROM gone AS g
 ORDER BY g.account_id, g.address, g.suppressed_as, g.created_at
ON CONFLICT (account_id, address, domain_id) DO NOTHING;
