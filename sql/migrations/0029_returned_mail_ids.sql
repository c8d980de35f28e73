-- Mails that came back: a number by which an operator can name one, and what its last
-- attempt ended with.

SET LOCAL search_path = emailgw, pg_temp;

CREATE SEQUENCE returned_id_seq INCREMENT BY 64 MINVALUE 1 MAXVALUE 9007199254740991;

-- One after the other: a column that is added with this default would write all mails anew.
ALTER TABLE returned_queue
    ADD COLUMN returned_id bigint,
    ADD COLUMN problem text; -- NULL: no sender has told of one
UPDATE returned_queue SET returned_id = nextval('emailgw.returned_id_seq');
ALTER TABLE returned_queue
    ALTER COLUMN returned_id SET DEFAULT nextval('emailgw.returned_id_seq'),
    ALTER COLUMN returned_id SET NOT NULL;
CREATE INDEX returned_queue_id ON returned_queue (returned_id);
