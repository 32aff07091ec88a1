BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS sessions (
    sid           TEXT PRIMARY KEY,
    user_id       TEXT NOT NULL,
    email         TEXT,
    version       TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    last_activity INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    ended_at      INTEGER
) STRICT, WITHOUT ROWID;

-- Counting reads this index alone, and only sessions that nobody has ended. It holds ended_at, always null here,
-- because SQLite would otherwise look it up in the table, ten times slower.
CREATE INDEX IF NOT EXISTS sessions_live
    ON sessions (version, user_id, expires_at, last_activity, ended_at) WHERE ended_at IS NULL;

-- Purging finds what has expired without a scan.
CREATE INDEX IF NOT EXISTS sessions_expired ON sessions (expires_at);

PRAGMA user_version = 1;

COMMIT;
