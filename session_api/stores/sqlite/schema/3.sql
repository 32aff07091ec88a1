-- A log-out ends the tokens that were issued before it, and none that is issued later. issued_at: when the newest known token
-- was issued. Tokens issued up to over_iat are over, and of those that do not say when, the ones that expire by over_exp.
ALTER TABLE sessions ADD COLUMN issued_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN over_iat INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN over_exp INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET issued_at = created_at;
UPDATE sessions SET over_iat = ended_at, over_exp = expires_at WHERE ended_at IS NOT NULL;

-- Which start of a proxy reports (instance), and which one did before it: if that one reports again, two proxies have one name.
ALTER TABLE proxies ADD COLUMN instance TEXT NOT NULL DEFAULT '';
ALTER TABLE proxies ADD COLUMN before TEXT NOT NULL DEFAULT '';
ALTER TABLE proxies ADD COLUMN doubled_at INTEGER;

-- When a proxy last had no visitor left to report. It may lose visitors while it still reports every session.
ALTER TABLE proxies ADD COLUMN visitors_told_at INTEGER;
