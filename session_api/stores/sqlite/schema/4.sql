-- Who has no user may be a browser with a pin ('visitor'), an API client ('client'), or a session of the app's own that only
-- a cookie names ('session'). A session counts as one; the other two are visitors.
ALTER TABLE visitors ADD COLUMN kind TEXT NOT NULL DEFAULT 'visitor';
CREATE INDEX visitors_known ON visitors (sid) WHERE kind <> 'visitor';

DROP TRIGGER visitors_added;
DROP TRIGGER visitors_changed;
DROP TRIGGER visitors_removed;

CREATE TRIGGER visitors_added AFTER INSERT ON visitors BEGIN
    INSERT INTO tick VALUES (iif(NEW.kind = 'session', 'session', 'visitor'), NEW.version, NEW.last_activity, 1);
END;

CREATE TRIGGER visitors_changed AFTER UPDATE OF version, last_activity ON visitors
WHEN OLD.version <> NEW.version OR OLD.last_activity <> NEW.last_activity BEGIN
    INSERT INTO tick VALUES (iif(OLD.kind = 'session', 'session', 'visitor'), OLD.version, OLD.last_activity, -1);
    INSERT INTO tick VALUES (iif(OLD.kind = 'session', 'session', 'visitor'), NEW.version, NEW.last_activity, 1);
    INSERT INTO depart SELECT OLD.version, OLD.last_activity, min(OLD.expires_at, NEW.last_activity)
        WHERE NEW.version <> OLD.version;
END;

-- A visitor who logged in (gone) has not left: a session has taken its place. A session that is gone has left.
CREATE TRIGGER visitors_removed AFTER DELETE ON visitors BEGIN
    INSERT INTO tick VALUES (iif(OLD.kind = 'session', 'session', 'visitor'), OLD.version, OLD.last_activity, -1);
    INSERT INTO depart SELECT OLD.version, OLD.last_activity, iif(OLD.gone, OLD.last_activity, OLD.expires_at)
        WHERE NOT OLD.gone OR OLD.kind = 'session';
END;
