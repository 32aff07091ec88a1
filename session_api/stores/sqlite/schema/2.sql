-- Counts that cost the same at a million sessions as at a thousand. Triggers keep them, so that no statement can change a
-- session and forget the counts. Who was idle too long follows from a range of `tally`: nothing has to happen when a window
-- passes, and any window can be asked for. What has expired is swept, by an index.

DROP INDEX sessions_live;
DROP INDEX sessions_expired;

-- live: the session is in the counts: it is neither ended nor swept.
ALTER TABLE sessions ADD COLUMN live INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sessions_due ON sessions (live, expires_at);
CREATE INDEX sessions_held ON sessions (user_id, version, last_activity) WHERE live = 1;
CREATE INDEX sessions_last ON sessions (version, expires_at) WHERE live = 1;

CREATE TABLE visitors (
    sid           TEXT PRIMARY KEY,
    version       TEXT NOT NULL,
    last_activity INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    gone          INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX visitors_due ON visitors (expires_at);
CREATE INDEX visitors_last ON visitors (version, expires_at);

-- Each user of each version, and each user, at the latest activity of their live sessions.
CREATE TABLE holders (
    user_id       TEXT NOT NULL,
    version       TEXT NOT NULL,
    last_activity INTEGER NOT NULL,
    PRIMARY KEY (user_id, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX holders_latest ON holders (version, last_activity, user_id);

CREATE TABLE people (
    user_id       TEXT PRIMARY KEY,
    email         TEXT,
    last_activity INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How many of a kind were last active at a second (width 1), and in a block of 300. A window is some blocks and the
-- seconds of one more. Kinds: session, visitor, holder (a user of a version), person (a user; version '').
CREATE TABLE tally (
    width   INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    version TEXT NOT NULL,
    n       INTEGER NOT NULL,
    PRIMARY KEY (width, at, kind, version)
) STRICT, WITHOUT ROWID;

-- How many left a version in a minute: logged out, expired or moved. Those who went idle are in the tally still.
CREATE TABLE departures (
    minute  INTEGER NOT NULL,
    version TEXT NOT NULL,
    n       INTEGER NOT NULL,
    PRIMARY KEY (minute, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE proxies (
    name    TEXT PRIMARY KEY,
    seen_at INTEGER NOT NULL,
    since   INTEGER NOT NULL,
    told_at INTEGER,
    gauges  TEXT
) STRICT, WITHOUT ROWID;

-- One row. idle: the window in seconds; a session that expires after it went idle has left when it went idle.
CREATE TABLE store (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    epoch   TEXT NOT NULL,
    born_at INTEGER NOT NULL,
    fresh   INTEGER NOT NULL,
    idle    INTEGER NOT NULL
) STRICT;

-- These views are procedures, and never read: SQLite has none, but an INSTEAD OF trigger runs when a row is inserted.
CREATE VIEW tick AS SELECT '' AS kind, '' AS version, 0 AS at, 0 AS n;
CREATE TRIGGER tick_called INSTEAD OF INSERT ON tick BEGIN
    INSERT INTO tally (width, at, kind, version, n)
        VALUES (1, NEW.at, NEW.kind, NEW.version, NEW.n), (300, NEW.at / 300, NEW.kind, NEW.version, NEW.n)
        ON CONFLICT (width, at, kind, version) DO UPDATE SET n = n + excluded.n;
    DELETE FROM tally WHERE NEW.n < 0 AND n = 0 AND kind = NEW.kind AND version = NEW.version
        AND (width, at) = (1, NEW.at);
    DELETE FROM tally WHERE NEW.n < 0 AND n = 0 AND kind = NEW.kind AND version = NEW.version
        AND (width, at) = (300, NEW.at / 300);
END;

CREATE VIEW hold AS SELECT '' AS user_id, '' AS version;
CREATE TRIGGER hold_called INSTEAD OF INSERT ON hold BEGIN
    DELETE FROM holders WHERE user_id = NEW.user_id AND version = NEW.version AND NOT EXISTS (
        SELECT 1 FROM sessions WHERE live = 1 AND user_id = NEW.user_id AND version = NEW.version);
    INSERT INTO holders (user_id, version, last_activity)
        SELECT NEW.user_id, NEW.version, latest FROM (SELECT max(last_activity) AS latest FROM sessions
            WHERE live = 1 AND user_id = NEW.user_id AND version = NEW.version) WHERE latest IS NOT NULL
        ON CONFLICT (user_id, version) DO UPDATE SET last_activity = excluded.last_activity
            WHERE last_activity <> excluded.last_activity;
END;

CREATE VIEW depart AS SELECT '' AS version, 0 AS last_activity, 0 AS at;
CREATE TRIGGER depart_called INSTEAD OF INSERT ON depart BEGIN
    INSERT INTO departures (minute, version, n)
        SELECT min(NEW.at, NEW.last_activity + idle) / 60, NEW.version, 1 FROM store
        WHERE true ON CONFLICT (minute, version) DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER sessions_added AFTER INSERT ON sessions WHEN NEW.live BEGIN
    INSERT INTO tick VALUES ('session', NEW.version, NEW.last_activity, 1);
    INSERT INTO hold VALUES (NEW.user_id, NEW.version);
    UPDATE people SET email = NEW.email WHERE user_id = NEW.user_id AND NEW.email IS NOT NULL;
END;

-- The new version comes before the old one: a user who moves must not be deleted from `people` in between.
CREATE TRIGGER sessions_changed AFTER UPDATE OF version, last_activity, live, email ON sessions
WHEN OLD.live <> NEW.live OR NEW.live AND (OLD.version <> NEW.version
    OR OLD.last_activity <> NEW.last_activity OR OLD.email IS NOT NEW.email) BEGIN
    INSERT INTO tick SELECT 'session', OLD.version, OLD.last_activity, -1 WHERE OLD.live;
    INSERT INTO tick SELECT 'session', NEW.version, NEW.last_activity, 1 WHERE NEW.live;
    INSERT INTO hold SELECT NEW.user_id, NEW.version WHERE NEW.live;
    UPDATE people SET email = NEW.email
        WHERE NEW.live AND user_id = NEW.user_id AND NEW.email IS NOT NULL AND email IS NOT NEW.email;
    INSERT INTO hold SELECT OLD.user_id, OLD.version WHERE OLD.live AND (NOT NEW.live OR NEW.version <> OLD.version);
    INSERT INTO depart SELECT OLD.version, OLD.last_activity, min(OLD.expires_at,
            coalesce(NEW.ended_at, CASE WHEN NEW.live THEN NEW.last_activity ELSE OLD.expires_at END))
        WHERE OLD.live AND (NOT NEW.live OR NEW.version <> OLD.version);
END;

CREATE TRIGGER visitors_added AFTER INSERT ON visitors BEGIN
    INSERT INTO tick VALUES ('visitor', NEW.version, NEW.last_activity, 1);
END;

CREATE TRIGGER visitors_changed AFTER UPDATE OF version, last_activity ON visitors
WHEN OLD.version <> NEW.version OR OLD.last_activity <> NEW.last_activity BEGIN
    INSERT INTO tick VALUES ('visitor', OLD.version, OLD.last_activity, -1);
    INSERT INTO tick VALUES ('visitor', NEW.version, NEW.last_activity, 1);
    INSERT INTO depart SELECT OLD.version, OLD.last_activity, min(OLD.expires_at, NEW.last_activity)
        WHERE NEW.version <> OLD.version;
END;

-- A visitor who logged in (gone) has not left: a session has taken its place.
CREATE TRIGGER visitors_removed AFTER DELETE ON visitors BEGIN
    INSERT INTO tick VALUES ('visitor', OLD.version, OLD.last_activity, -1);
    INSERT INTO depart SELECT OLD.version, OLD.last_activity, OLD.expires_at WHERE NOT OLD.gone;
END;

CREATE TRIGGER holders_added AFTER INSERT ON holders BEGIN
    INSERT INTO tick VALUES ('holder', NEW.version, NEW.last_activity, 1);
    INSERT INTO people (user_id, last_activity) VALUES (NEW.user_id, NEW.last_activity)
        ON CONFLICT (user_id) DO UPDATE SET last_activity = excluded.last_activity
            WHERE last_activity < excluded.last_activity;
END;

CREATE TRIGGER holders_changed AFTER UPDATE ON holders BEGIN
    INSERT INTO tick VALUES ('holder', OLD.version, OLD.last_activity, -1);
    INSERT INTO tick VALUES ('holder', NEW.version, NEW.last_activity, 1);
    UPDATE people SET last_activity = (SELECT max(last_activity) FROM holders WHERE user_id = NEW.user_id)
        WHERE user_id = NEW.user_id;
END;

CREATE TRIGGER holders_removed AFTER DELETE ON holders BEGIN
    INSERT INTO tick VALUES ('holder', OLD.version, OLD.last_activity, -1);
    DELETE FROM people WHERE user_id = OLD.user_id
        AND NOT EXISTS (SELECT 1 FROM holders WHERE user_id = OLD.user_id);
    UPDATE people SET last_activity = (SELECT max(last_activity) FROM holders WHERE user_id = OLD.user_id)
        WHERE user_id = OLD.user_id;
END;

CREATE TRIGGER people_added AFTER INSERT ON people BEGIN
    INSERT INTO tick VALUES ('person', '', NEW.last_activity, 1);
END;

CREATE TRIGGER people_changed AFTER UPDATE OF last_activity ON people WHEN OLD.last_activity <> NEW.last_activity BEGIN
    INSERT INTO tick VALUES ('person', '', OLD.last_activity, -1);
    INSERT INTO tick VALUES ('person', '', NEW.last_activity, 1);
END;

CREATE TRIGGER people_removed AFTER DELETE ON people BEGIN
    INSERT INTO tick VALUES ('person', '', OLD.last_activity, -1);
END;

-- Sessions that an older release kept; those that have expired are swept before the first answer.
UPDATE sessions SET live = 1 WHERE ended_at IS NULL;
