-- Mail that was handed in by SMTP: the message itself, and the credential it came with.

SET LOCAL search_path = emailgw, pg_temp;

-- In the place of html, plain and attachments: RFC 5322, CRLF, bodies of 7 bits.
ALTER TABLE content ADD COLUMN raw bytea;
ALTER TABLE content ALTER COLUMN raw SET STORAGE EXTERNAL; -- mostly attachments, compressed already

ALTER TABLE message ALTER COLUMN api_key_id DROP NOT NULL; -- one of the two
ALTER TABLE message ADD COLUMN smtp_id bigint;
