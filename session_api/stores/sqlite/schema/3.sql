-- A log-out ends the tokens issued before it, and not those issued after: issued_at is of the newest token that is known;
-- tokens issued up to over_iat are over, and of those that do not say when they were issued, what expires by over_exp.
ALTER TABLE sessions ADD COLUMN issued_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN over_iat INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN over_exp INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET issued_at = created_at;
UPDATE sessions SET over_iat = ended_at, over_exp = expires_at WHERE ended_at IS NOT NULL;

-- Which start of a proxy reports, and which one did before it: where that one comes back, there are two of one name.
ALTER TABLE proxies ADD COLUMN instance TEXT NOT NULL DEFAULT '';
ALTER TABLE proxies ADD COLUMN before TEXT NOT NULL DEFAULT '';
ALTER TABLE proxies ADD COLUMN doubled_at INTEGER;

-- When a proxy had last told of all its visitors, whom it may lose sight of while it still tells of every session.
ALTER TABLE proxies ADD COLUMN visitors_told_at INTEGER;
