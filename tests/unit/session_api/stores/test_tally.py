"""The tally of SQLite is what a recount of all rows gives: after large reports, and in older files."""

import random
import sqlite3
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from session_api.stores.records import Gone, Report, Seen
from session_api.stores.sqlite.store import SqliteStore
from tests.unit.session_api.support.data import NOW, HandClock, session

IDLE = 300
RECOUNT = """
    SELECT 'session', version, last_activity FROM sessions WHERE live
    UNION ALL SELECT iif(kind = 'session', kind, 'visitor'), version, last_activity FROM visitors
    UNION ALL SELECT 'holder', version, max(last_activity) FROM sessions WHERE live
        GROUP BY version, user_id
    UNION ALL SELECT 'person', '', max(last_activity) FROM sessions WHERE live GROUP BY user_id"""
# A file of schema 4, counted by its own triggers: s2 has moved, s3 is over, s4 has expired.
OLD = f"""
    INSERT INTO store VALUES (1, 'old-epoch', {NOW} - 9000, 0, {IDLE});
    INSERT INTO sessions
        (sid, user_id, email, version, created_at, last_activity, expires_at, live, issued_at)
        VALUES ('s1', 'u1', 'a@x.y', '1.6.7', {NOW} - 50, {NOW} - 50, {NOW} + 900, 1, {NOW} - 50),
            ('s2', 'u1', 'b@x.y', '1.6.7', {NOW} - 40, {NOW} - 40, {NOW} + 900, 1, {NOW} - 40),
            ('s3', 'u2', NULL, '1.6.7', {NOW} - 30, {NOW} - 30, {NOW} + 900, 1, {NOW} - 30),
            ('s4', 'u3', NULL, '1.6.8', {NOW} - 30, {NOW} - 30, {NOW} - 10, 1, {NOW} - 30);
    UPDATE sessions SET version = '1.6.8', last_activity = {NOW} - 20 WHERE sid = 's2';
    UPDATE sessions SET live = 0, ended_at = {NOW} - 5, over_iat = {NOW} - 6, over_exp = expires_at
        WHERE sid = 's3';
    INSERT INTO visitors VALUES ('v1', '1.6.7', {NOW} - 9, {NOW} + 900, 0, 'visitor'),
        ('v2', '1.6.8', {NOW} - 8, {NOW} + 900, 0, 'session');
    INSERT INTO proxies (name, seen_at, since, told_at) VALUES ('web1', {NOW} - 1, 0, {NOW} - 1);
"""


def check(store: SqliteStore) -> None:
    """Compare the tally, in seconds and in blocks, with a recount."""
    with store.connect() as db:
        counted = Counter(db.execute(RECOUNT).fetchall())
        tallied = {
            row[:3]: row[3] for row in db.execute("SELECT kind, version, at, n FROM tally WHERE width = 1")
        }
        blocks = {
            row[:3]: row[3] for row in db.execute("SELECT kind, version, at, n FROM tally WHERE width = 300")
        }
        people = db.execute("SELECT user_id FROM people ORDER BY 1").fetchall()
        alive = db.execute("SELECT DISTINCT user_id FROM sessions WHERE live ORDER BY 1").fetchall()
    assert tallied == dict(counted)
    in_blocks = Counter[tuple[str, str, int]]()
    for (kind, version, at), n in counted.items():
        in_blocks[kind, version, at // 300] += n
    assert blocks == dict(in_blocks)
    assert people == alive


def a_row(draw: random.Random) -> Seen:
    """Of 300 sessions with 100 users, and 60 visitors; most say that one goes on, where it was."""
    number, rare = draw.randrange(360), draw.random()
    version = ("1.6.7", "1.6.8")[(number + (rare < 0.05)) % 2]
    expires_at = NOW + 5000 + (draw.randrange(3000) if rare > 0.95 else 0)
    user = None if number >= 300 else f"u{number % 100}"
    kind = "session" if number >= 330 else "visitor"
    return Seen(f"s{number}", user, version, draw.randrange(400), expires_at, NOW - 99, kind)


@pytest.mark.parametrize("seed", range(3))
def test_large_reports_are_counted_exactly(tmp_path: Path, clock: HandClock, seed: int) -> None:
    draw, store = random.Random(seed), SqliteStore(tmp_path / "sessions.db", IDLE, clock)
    for number in range(0, 300, 7):
        store.add(session(f"s{number}", f"u{number % 100}", email=f"{number}@x.y", expires_at=NOW + 9000))
    for turn in range(12):
        clock.now += draw.choice((1, 40, 700))
        rows = tuple(a_row(draw) for _ in range(400))
        gone = tuple(Gone(f"s{draw.randrange(300, 360)}", draw.randrange(9)) for _ in range(3))
        store.note(Report("web1", seen=rows, gone=gone))
        store.end(session(f"s{turn}", f"u{turn}", created_at=int(clock.now), expires_at=NOW + 9000))
        check(store)
    store.close()


@pytest.mark.parametrize("page", [4096, 1024])
def test_a_file_of_schema_4_is_taken_over(tmp_path: Path, clock: HandClock, page: int) -> None:
    path = tmp_path / "sessions.db"
    old = sqlite3.connect(path, isolation_level=None)
    old.execute(f"PRAGMA page_size = {page}")
    old.execute("PRAGMA journal_mode = TRUNCATE")
    for number in range(1, 5):
        old.executescript(
            resources.files("session_api.stores.sqlite").joinpath(f"schema/{number}.sql").read_text()
        )
    old.executescript(OLD + "PRAGMA user_version = 4;")
    old.close()
    store = SqliteStore(path, IDLE, clock)
    census = store.census()
    assert (census.birth.epoch, census.users, census.heard[0].proxy) == ("old-epoch", 1, "web1")
    assert {version: counted[:3] for version, counted in census_of(store).items()} == {
        "1.6.7": (1, 1, 1),
        "1.6.8": (2, 1, 0),
    }
    assert store.users("1.6.8", 9) == [("u1", "b@x.y", NOW - 20)]
    assert store.resume(session("s3", "u2", created_at=NOW - 30, good_until=NOW + 900)) is None
    assert store.outlook("1.6.7", NOW - 600).departures == 2
    store.note(Report("web1", seen=(Seen("s1", "u1", "1.6.7", 0, NOW + 900, NOW - 50),)))
    assert store.users("1.6.7", 9) == [("u1", "a@x.y", NOW)]
    check(store)
    with store.write() as db:
        assert db.execute("PRAGMA page_size").fetchone() == (1024,)
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store.close()


def census_of(store: SqliteStore) -> dict[str, tuple[int, int, int, int]]:
    return {
        version: (count.sessions, count.users, count.visitors, count.last_activity)
        for version, count in store.census().versions.items()
    }
