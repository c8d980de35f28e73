-- Sessions of User.Login, and how often log-ins have failed.

SET LOCAL search_path = emailgw, pg_temp;

CREATE TABLE session (
    account_id   bigint NOT NULL REFERENCES account,
    session_hash bytea NOT NULL,               -- SHA-256 of the SessionID
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,         -- used or not
    used_at      timestamptz NOT NULL DEFAULT now(), -- to a tenth of the idle time, at most a minute
    PRIMARY KEY (account_id, session_hash)
);
CREATE INDEX session_expires ON session (expires_at);

-- Directory: tries to log in since the last one that went well. A subject is
-- the SHA-256 of an address, a user name or both: names that nobody has are
-- counted as well, and none is stored that somebody may have typed a password as.
CREATE TABLE login_failure (
    subject       bytea NOT NULL PRIMARY KEY,
    tries         integer NOT NULL,
    blocked_until timestamptz NOT NULL,
    last_at       timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
CREATE INDEX login_failure_last ON login_failure (last_at);
