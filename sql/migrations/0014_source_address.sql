-- The address of the sender's machine that a domain's mail is sent from.

SET LOCAL search_path = emailgw, pg_temp;

ALTER TABLE domain
    ADD COLUMN source_address inet             -- NULL: whichever the system takes
        CHECK (masklen(source_address) = CASE family(source_address) WHEN 4 THEN 32 ELSE 128 END);
