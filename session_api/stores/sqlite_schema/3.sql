-- When a proxy had last told of all its visitors, whom it may lose sight of while it still tells of every session.
ALTER TABLE proxies ADD COLUMN visitors_told_at INTEGER;
