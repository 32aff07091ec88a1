CREATE TABLE sessions (
    sid           TEXT PRIMARY KEY,
    user_id       TEXT NOT NULL,
    email         TEXT,
    version       TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    last_activity INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    ended_at      INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_live
    ON sessions (version, user_id, expires_at, last_activity, ended_at) WHERE ended_at IS NULL;

CREATE INDEX sessions_expired ON sessions (expires_at);
