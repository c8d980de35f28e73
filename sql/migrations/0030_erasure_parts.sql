-- Addresses fold alike whatever the database's locale is; what erasing finds that is no row;
-- digests of days with many events.

SET LOCAL search_path = emailgw, pg_temp;

-- Addresses compare by their lower case; mailboxes that differ only in case are one. The
-- same as core/addressfold.h: hashes of erased addresses are made of it there. A sigma
-- is one letter wherever it stands, and the dot of a lowered capital I is none. ASCII is
-- most of what there is, and has a shorter way. Not STRICT: that would not be inlined.
CREATE OR REPLACE FUNCTION fold_address(p_address text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE CALLED ON NULL INPUT
AS $$
    SELECT CASE WHEN octet_length(p_address) = length(p_address) THEN lower(p_address COLLATE "C") COLLATE "default"
                ELSE replace(replace(lower(p_address COLLATE "und-x-icu"), U&'\03C2', U&'\03C3'),
                             U&'i\0307', 'i') COLLATE "default" END
$$;

-- What was folded by the locale: the same in most of them.
WITH gone AS (
    DELETE FROM suppression AS s
     WHERE octet_length(s.address) <> length(s.address) AND s.address <> fold_address(s.address)
    RETURNING s.*
)
INSERT INTO suppression (account_id, address, domain_id, reason, created_at, message_id, reply)
SELECT g.account_id, fold_address(g.address), g.domain_id, g.reason, g.created_at, g.message_id, g.reply FROM gone AS g
ON CONFLICT (account_id, address, domain_id) DO NOTHING;

-- Where two of a list would become one, both stay as they are.
UPDATE subscriber AS s SET address = fold_address(s.email)
 WHERE octet_length(s.email) <> length(s.email) AND s.address <> fold_address(s.email)
   AND NOT EXISTS (SELECT FROM subscriber AS o
                    WHERE o.account_id = s.account_id AND o.list_id = s.list_id AND o.subscriber_id <> s.subscriber_id
                      AND fold_address(o.email) = fold_address(s.email));

-- The account's own texts, which are its to change: those that tell of the person.
ALTER TABLE erasure ADD COLUMN template_ids bigint[] NOT NULL DEFAULT '{}';

-- Parts of mails to a person who is erased and to others who are still to get them: they
-- are written in a form that only the sender reads (MIME, charsets), and wait for it here.
CREATE TABLE erasure_part (
    asked_by   bigint NOT NULL,                -- erasure.account_id
    erasure_id bigint NOT NULL,
    account_id bigint NOT NULL,                -- the mail's
    message_id uuid NOT NULL,
    part_no    smallint NOT NULL,              -- of an attachment; 0: the mail as it was handed in
    PRIMARY KEY (asked_by, erasure_id, account_id, message_id, part_no),
    FOREIGN KEY (asked_by, erasure_id) REFERENCES erasure ON DELETE CASCADE
);

-- A digest is made part by part, so that no day takes a transaction long.
ALTER TABLE digest ADD COLUMN made_until uuid;
COMMENT ON COLUMN digest.made_until IS 'events below this id are in it; NULL: all are';
