-- Which mails have attachments: most have none, and need not be looked for among them.

SET LOCAL search_path = emailgw, pg_temp;

-- True where it is not known: of what was stored before, and of mails to lists, whose attachments are kept once for all.
ALTER TABLE content ADD COLUMN attached boolean NOT NULL DEFAULT true;
