-- Where the lines of digests end, in octets: what is found in a text is placed without
-- counting line feeds. Digests that there are go, and are made again.

SET LOCAL search_path = emailgw, pg_temp;

LOCK TABLE digest, digest_texts IN ACCESS EXCLUSIVE MODE; -- what is being made is waited for, and goes, too
DELETE FROM digest;
DELETE FROM digest_day;
ALTER TABLE digest_texts ADD COLUMN email_ends integer[] NOT NULL, ADD COLUMN subject_ends integer[] NOT NULL,
                         ADD COLUMN other_ends integer[] NOT NULL;
ALTER TABLE digest_texts ALTER COLUMN email_ends SET STORAGE EXTERNAL, ALTER COLUMN subject_ends SET STORAGE EXTERNAL,
                         ALTER COLUMN other_ends SET STORAGE EXTERNAL;
