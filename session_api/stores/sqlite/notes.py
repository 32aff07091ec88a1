"""Takes in the rows of a report, all at once.

Nearly all of them say that a known session goes on, where it was: those change one column, and are counted
here, by a few statements for all rows. The others (a session comes, moves, lives longer) are counted by the
triggers of the schema, row by row. A statement for all rows also leaves Python's lock to other threads.
"""

# ruff: noqa: S608 -- statements are put together from these constants; what comes from outside is a parameter

import sqlite3
from collections.abc import Sequence

import msgspec

from session_api.stores.records import Seen
from session_api.stores.sqlite import statements as sql

SLOW, ON, STALE = 0, 1, 2  # a row is left to the triggers; its session goes on; it says nothing new

TABLES = (
    # What a report says, in the order of its sids, which is that of the pages on which they lie.
    """CREATE TEMP TABLE told (sid TEXT, place INTEGER, user_id TEXT, version TEXT, at INTEGER,
        expires_at INTEGER, issued_at INTEGER, kind TEXT, PRIMARY KEY (sid, place)) WITHOUT ROWID""",
    # The same beside what is known: the way that each row takes, and when its session was active before.
    # `renames`: the e-mail address of the session is not the one by which its user is known.
    """CREATE TEMP TABLE sorted (place INTEGER, way INTEGER, sid TEXT, user_id TEXT, version TEXT, at INTEGER,
        expires_at INTEGER, issued_at INTEGER, kind TEXT, before INTEGER, email TEXT, renames INTEGER)""",
    # Users of a version who go on; `person` is when they were active before on any version.
    "CREATE TEMP TABLE held (user_id TEXT, version TEXT, at INTEGER, before INTEGER, person INTEGER)",
    # Who is counted at another second now, and what that changes in the tally.
    "CREATE TEMP TABLE moves (kind TEXT, version TEXT, before INTEGER, at INTEGER)",
    "CREATE TEMP TABLE changes (at INTEGER, kind TEXT, version TEXT, n INTEGER)",
)

TELL = """INSERT INTO told SELECT value ->> 0, key, value ->> 1, value ->> 2, max(:now - (value ->> 3), 0),
    value ->> 4, value ->> 5, value ->> 6 FROM json_each(:rows)"""
_KNOWN = f"""s.live = 1 AND s.user_id = t.user_id AND {sql.is_later("t.issued_at", "t.expires_at")}
    AND s.expires_at > :now AND t.expires_at <= s.expires_at AND t.issued_at <= s.issued_at
    AND (t.at < s.last_activity OR t.version = s.version)"""
_MET = """v.expires_at > :now AND t.expires_at <= v.expires_at
    AND (t.at < v.last_activity OR t.version = v.version)"""
SORT = f"""INSERT INTO sorted SELECT t.place,
        CASE WHEN EXISTS (SELECT 1 FROM told o WHERE o.sid = t.sid AND o.place <> t.place) THEN {SLOW}
            WHEN t.user_id IS NOT NULL AND {_KNOWN} THEN iif(t.at > s.last_activity, {ON}, {STALE})
            WHEN t.user_id IS NULL AND {_MET} THEN iif(t.at > v.last_activity, {ON}, {STALE})
            ELSE {SLOW} END,
        t.sid, t.user_id, t.version, t.at, t.expires_at, t.issued_at,
        CASE WHEN t.user_id IS NULL THEN coalesce(v.kind, t.kind) ELSE 'session' END,
        coalesce(s.last_activity, v.last_activity), s.email, p.email IS NOT s.email
    FROM told t LEFT JOIN sessions s ON t.user_id IS NOT NULL AND s.sid = t.sid
        LEFT JOIN people p ON s.email IS NOT NULL AND p.user_id = s.user_id
        LEFT JOIN visitors v ON t.user_id IS NULL AND v.sid = t.sid"""

# What is told of one user is taken in in its order.
KEEP_ORDER = f"""UPDATE sorted SET way = {SLOW} WHERE way = {ON} AND user_id IN (
    SELECT user_id FROM sorted WHERE way = {SLOW} AND user_id IS NOT NULL)"""
GO_ON = tuple(
    f"""UPDATE {table} SET last_activity = t.at FROM sorted t
        WHERE t.way = {ON} AND t.user_id IS {known} AND {table}.sid = t.sid"""
    for table, known in (("sessions", "NOT NULL"), ("visitors", "NULL"))
)
# A user is known by the address of the session that was active last.
RENAME = f"""UPDATE people SET email = t.email FROM (
        SELECT user_id, email, max(place) FROM sorted
        WHERE way = {ON} AND email IS NOT NULL AND EXISTS (SELECT 1 FROM sorted WHERE way = {ON} AND renames)
        GROUP BY user_id) t
    WHERE people.user_id = t.user_id AND people.email IS NOT t.email"""
HOLD = f"""INSERT INTO held SELECT t.user_id, t.version, max(t.at), h.last_activity,
        (SELECT max(last_activity) FROM holders p WHERE p.user_id = t.user_id)
    FROM sorted t CROSS JOIN holders h WHERE t.way = {ON} AND t.user_id IS NOT NULL
        AND h.user_id = t.user_id AND h.version = t.version
    GROUP BY t.user_id, t.version HAVING max(t.at) > h.last_activity"""
GO_ON_HOLDING = """UPDATE holders SET last_activity = t.at FROM held t
    WHERE holders.user_id = t.user_id AND holders.version = t.version"""
MOVES = (
    f"""INSERT INTO moves SELECT iif(kind = 'session', 'session', 'visitor'), version, before, at
        FROM sorted WHERE way = {ON}""",
    "INSERT INTO moves SELECT 'holder', version, before, at FROM held",
    """INSERT INTO moves SELECT 'person', '', person, max(at) FROM held
        GROUP BY user_id HAVING max(at) > person""",
)
CHANGES = """INSERT INTO changes SELECT at, kind, version, sum(n) FROM (
        SELECT before AS at, kind, version, -1 AS n FROM moves
        UNION ALL SELECT at, kind, version, 1 FROM moves)
    GROUP BY 1, 2, 3 HAVING sum(n) <> 0"""
TALLY = tuple(
    f"""INSERT INTO tally (width, at, kind, version, n) {counted}
    ON CONFLICT (width, at, kind, version) DO UPDATE SET n = n + excluded.n"""
    for counted in (
        "SELECT 1, at, kind, version, n FROM changes WHERE true",
        f"SELECT {sql.BLOCK}, at / {sql.BLOCK} AS block, kind, version, sum(n) FROM changes GROUP BY 2, 3, 4",
    )
)
EMPTY = "DELETE FROM tally WHERE n = 0"
SLOWLY = (sql.NOTE_SESSIONS, sql.NOTE_VISITORS)


def prepare(db: sqlite3.Connection) -> None:
    """Make the tables of this connection alone in which a report is sorted."""
    for statement in TABLES:
        db.execute(statement)


def note(db: sqlite3.Connection, seen: Sequence[Seen], now: int) -> None:
    """Take in what a proxy saw."""
    if not seen:
        return
    asked = {"now": now, "rows": msgspec.json.encode(seen).decode()}
    for table in ("told", "sorted", "held", "moves", "changes"):
        db.execute(f"DELETE FROM {table}")
    db.execute(TELL, asked)
    db.execute(SORT, asked)
    for statement in (KEEP_ORDER, *GO_ON, RENAME, HOLD, GO_ON_HOLDING, *MOVES, CHANGES, *TALLY, EMPTY):
        db.execute(statement)
    for statement in SLOWLY:
        db.execute(statement, asked)
