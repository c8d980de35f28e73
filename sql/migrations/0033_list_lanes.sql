-- Whose lists come next: one row for each domain with open list jobs, so that a domain with
-- many of them has no more turns than another, and is passed over by one look.

SET LOCAL search_path = emailgw, pg_temp;

LOCK TABLE list_job IN ACCESS EXCLUSIVE MODE; -- at once: a batch that is being stored has it locked already, for more to come

CREATE TABLE list_lane (
    account_id bigint NOT NULL,
    domain_id  bigint NOT NULL,
    next_at    timestamptz NOT NULL,           -- not looked at before
    waits      text,                           -- for what all of its jobs wait; NULL: for nothing to be told of
    PRIMARY KEY (account_id, domain_id)
);
CREATE INDEX list_lane_due ON list_lane (next_at);

CREATE INDEX list_job_lane ON list_job (account_id, domain_id, next_at) WHERE status = 'open';
DROP INDEX list_job_open;
COMMENT ON COLUMN list_job.waits IS 'SendAt as long as next_at is to come; for what its domain waits: list_lane';

-- A job that comes due earlier than its domain's others: whoever makes it so need not think of the lane.
CREATE FUNCTION wake_list_lane() RETURNS trigger
LANGUAGE plpgsql SET search_path = emailgw, pg_temp
AS $$
BEGIN
    INSERT INTO list_lane AS l (account_id, domain_id, next_at) VALUES (NEW.account_id, NEW.domain_id, NEW.next_at)
    ON CONFLICT (account_id, domain_id) DO UPDATE SET next_at = excluded.next_at
     WHERE l.next_at > excluded.next_at;
    RETURN NULL;
END
$$;
CREATE TRIGGER wake_list_lane AFTER INSERT OR UPDATE OF next_at ON list_job
   FOR EACH ROW WHEN (NEW.status = 'open') EXECUTE FUNCTION wake_list_lane();

INSERT INTO list_lane (account_id, domain_id, next_at)
SELECT j.account_id, j.domain_id, min(j.next_at) FROM list_job AS j WHERE j.status = 'open' GROUP BY 1, 2;
