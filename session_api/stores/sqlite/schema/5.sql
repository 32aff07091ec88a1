-- Most of what proxies report is that a known session goes on: of its row one column changes, and so does one of its holder's.
-- Those are noted and counted for a thousand sessions at once (notes.py), so no trigger listens to them. All other
-- changes are counted by triggers, as before: they set `version` or `live` of a session, and `changed` of a holder.

DROP TRIGGER sessions_added;
DROP TRIGGER sessions_changed;
DROP TRIGGER visitors_changed;
DROP TRIGGER holders_added;
DROP TRIGGER holders_changed;
DROP TRIGGER holders_removed;
DROP TRIGGER people_added;
DROP TRIGGER people_changed;
DROP TRIGGER people_removed;
DROP TRIGGER hold_called;
DROP VIEW hold;

-- Without the time of activity, which would make each report rewrite it.
DROP INDEX sessions_held;
CREATE INDEX sessions_held ON sessions (user_id, version) WHERE live = 1;

-- When a user was active last follows from the user's holders.
ALTER TABLE people DROP COLUMN last_activity;

-- changed: its value says nothing; a statement that sets it is counted by triggers.
ALTER TABLE holders ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;

-- What has become 0 is found without a search.
CREATE INDEX tally_empty ON tally (width, at, kind, version) WHERE n = 0;
DROP TRIGGER tick_called;
CREATE TRIGGER tick_called INSTEAD OF INSERT ON tick BEGIN
    INSERT INTO tally (width, at, kind, version, n)
        VALUES (1, NEW.at, NEW.kind, NEW.version, NEW.n), (300, NEW.at / 300, NEW.kind, NEW.version, NEW.n)
        ON CONFLICT (width, at, kind, version) DO UPDATE SET n = n + excluded.n;
    DELETE FROM tally WHERE NEW.n < 0 AND n = 0;
END;

-- A session of a user on a version was active at a time, which is the user's time there unless a later one is known.
CREATE VIEW hold AS SELECT '' AS user_id, '' AS version, 0 AS at;
CREATE TRIGGER hold_called INSTEAD OF INSERT ON hold BEGIN
    INSERT INTO holders (user_id, version, last_activity) VALUES (NEW.user_id, NEW.version, NEW.at)
        ON CONFLICT (user_id, version) DO UPDATE SET last_activity = excluded.last_activity, changed = 0
            WHERE last_activity < excluded.last_activity;
END;

-- A session has left a version; only if it was the user's latest there, the others are looked at.
CREATE VIEW release AS SELECT '' AS user_id, '' AS version, 0 AS at;
CREATE TRIGGER release_called INSTEAD OF INSERT ON release BEGIN
    DELETE FROM holders WHERE user_id = NEW.user_id AND version = NEW.version AND NOT EXISTS (
        SELECT 1 FROM sessions WHERE live = 1 AND user_id = NEW.user_id AND version = NEW.version);
    UPDATE holders SET changed = 0, last_activity = (SELECT max(last_activity) FROM sessions
            WHERE live = 1 AND user_id = NEW.user_id AND version = NEW.version)
        WHERE user_id = NEW.user_id AND version = NEW.version AND last_activity <= NEW.at;
END;

CREATE TRIGGER sessions_added AFTER INSERT ON sessions WHEN NEW.live BEGIN
    INSERT INTO tick VALUES ('session', NEW.version, NEW.last_activity, 1);
    INSERT INTO hold VALUES (NEW.user_id, NEW.version, NEW.last_activity);
    UPDATE people SET email = NEW.email WHERE user_id = NEW.user_id AND NEW.email IS NOT NULL;
END;

-- The new version comes before the old one: a user who moves must not be deleted from `people` in between.
CREATE TRIGGER sessions_changed AFTER UPDATE OF version, live, email ON sessions
WHEN OLD.live <> NEW.live OR NEW.live AND (OLD.version <> NEW.version
    OR OLD.last_activity <> NEW.last_activity OR OLD.email IS NOT NEW.email) BEGIN
    INSERT INTO tick SELECT 'session', OLD.version, OLD.last_activity, -1 WHERE OLD.live;
    INSERT INTO tick SELECT 'session', NEW.version, NEW.last_activity, 1 WHERE NEW.live;
    INSERT INTO hold SELECT NEW.user_id, NEW.version, NEW.last_activity WHERE NEW.live;
    UPDATE people SET email = NEW.email
        WHERE NEW.live AND user_id = NEW.user_id AND NEW.email IS NOT NULL AND email IS NOT NEW.email;
    INSERT INTO release SELECT OLD.user_id, OLD.version, OLD.last_activity
        WHERE OLD.live AND (NOT NEW.live OR NEW.version <> OLD.version);
    INSERT INTO depart SELECT OLD.version, OLD.last_activity, min(OLD.expires_at,
            coalesce(NEW.ended_at, CASE WHEN NEW.live THEN NEW.last_activity ELSE OLD.expires_at END))
        WHERE OLD.live AND (NOT NEW.live OR NEW.version <> OLD.version);
END;

CREATE TRIGGER visitors_changed AFTER UPDATE OF version ON visitors
WHEN OLD.version <> NEW.version OR OLD.last_activity <> NEW.last_activity BEGIN
    INSERT INTO tick VALUES (iif(OLD.kind = 'session', 'session', 'visitor'), OLD.version, OLD.last_activity, -1);
    INSERT INTO tick VALUES (iif(OLD.kind = 'session', 'session', 'visitor'), NEW.version, NEW.last_activity, 1);
    INSERT INTO depart SELECT OLD.version, OLD.last_activity, min(OLD.expires_at, NEW.last_activity)
        WHERE NEW.version <> OLD.version;
END;

-- A user counts once, at the latest time of all versions: `others` is that of the other versions.
CREATE TRIGGER holders_added AFTER INSERT ON holders BEGIN
    INSERT INTO tick VALUES ('holder', NEW.version, NEW.last_activity, 1);
    INSERT INTO people (user_id) VALUES (NEW.user_id) ON CONFLICT (user_id) DO NOTHING;
    INSERT INTO tick SELECT 'person', '', others, -1 FROM (SELECT max(last_activity) AS others FROM holders
        WHERE user_id = NEW.user_id AND version <> NEW.version) WHERE others < NEW.last_activity;
    INSERT INTO tick SELECT 'person', '', NEW.last_activity, 1 FROM (SELECT max(last_activity) AS others FROM holders
        WHERE user_id = NEW.user_id AND version <> NEW.version) WHERE others IS NULL OR others < NEW.last_activity;
END;

CREATE TRIGGER holders_changed AFTER UPDATE OF changed ON holders WHEN OLD.last_activity <> NEW.last_activity BEGIN
    INSERT INTO tick VALUES ('holder', OLD.version, OLD.last_activity, -1);
    INSERT INTO tick VALUES ('holder', NEW.version, NEW.last_activity, 1);
    INSERT INTO tick SELECT 'person', '', max(OLD.last_activity, others), -1 FROM (
        SELECT coalesce(max(last_activity), 0) AS others FROM holders WHERE user_id = NEW.user_id AND version <> NEW.version);
    INSERT INTO tick SELECT 'person', '', max(NEW.last_activity, others), 1 FROM (
        SELECT coalesce(max(last_activity), 0) AS others FROM holders WHERE user_id = NEW.user_id AND version <> NEW.version);
END;

CREATE TRIGGER holders_removed AFTER DELETE ON holders BEGIN
    INSERT INTO tick VALUES ('holder', OLD.version, OLD.last_activity, -1);
    INSERT INTO tick SELECT 'person', '', OLD.last_activity, -1 FROM (SELECT max(last_activity) AS others FROM holders
        WHERE user_id = OLD.user_id) WHERE others IS NULL OR others < OLD.last_activity;
    INSERT INTO tick SELECT 'person', '', others, 1 FROM (SELECT max(last_activity) AS others FROM holders
        WHERE user_id = OLD.user_id) WHERE others < OLD.last_activity;
    DELETE FROM people WHERE user_id = OLD.user_id
        AND NOT EXISTS (SELECT 1 FROM holders WHERE user_id = OLD.user_id);
END;
