"""The SQL statements of the SQLite store.

Counting reads the table `tally` alone: whole blocks of 300 seconds within a window, and single seconds of
the blocks that the window cuts.
"""

COLUMNS = "sid, user_id, email, version, created_at, last_activity, expires_at"
VALUES = ":sid, :user_id, :email, :version, :created_at, :last_activity, :expires_at"
BLOCK = 300
MINUTES_KEPT = 30 * 1440

# ruff: noqa: S608 -- statements are put together from these constants; what comes from outside is a parameter
ADD = f"INSERT INTO sessions ({COLUMNS}, issued_at, live) VALUES ({VALUES}, :created_at, 1)"

# Whether the token at hand was issued after the last log-out, if there was one; whether it is good by itself.
_LATER = "iif(:created_at > 0, :created_at > over_iat, :good_until > over_exp)"
_GOES_ON = f"({_LATER} AND max(sessions.expires_at, :good_until) > :now)"
FIND = f"""SELECT {COLUMNS}, NOT {_GOES_ON},
        last_activity <= :since OR live = 0 OR expires_at <= :now
    FROM sessions WHERE sid = :sid AND user_id = :user_id"""

# The version is that of the later activity: reports may come late, and out of order.
_TOUCH = """version = iif(excluded.last_activity >= last_activity, excluded.version, version),
        last_activity = max(last_activity, excluded.last_activity),
        expires_at = max(expires_at, excluded.expires_at)"""
_LIVE = "issued_at = max(issued_at, excluded.issued_at), ended_at = NULL, live = 1"
RESUME = f"""INSERT INTO sessions ({COLUMNS}, issued_at, live)
        SELECT {VALUES}, :issued_at, 1 WHERE :expires_at > :now
    ON CONFLICT (sid) DO UPDATE SET {_TOUCH}, email = coalesce(email, excluded.email), {_LIVE}
    WHERE {_GOES_ON} AND user_id = excluded.user_id
    RETURNING {COLUMNS}"""
# A token issued in this very second is over only if the store knew it: a log-in right after a log-out counts.
END = f"""INSERT INTO sessions ({COLUMNS}, issued_at, ended_at, over_iat, over_exp)
        VALUES ({VALUES}, :created_at, :now, max(:created_at, :now - 1), :good_until)
    ON CONFLICT (sid) DO UPDATE SET ended_at = excluded.ended_at, live = 0,
        expires_at = max(expires_at, excluded.expires_at),
        over_iat = max(issued_at, excluded.over_iat), over_exp = max(expires_at, excluded.over_exp)
    WHERE {_LATER} AND user_id = excluded.user_id
    RETURNING sid"""


def is_later(issued: str, expires: str) -> str:
    """SQL: whether a token that a proxy saw was issued after the last log-out."""
    return f"""CASE sign({issued}) WHEN 1 THEN {issued} > over_iat WHEN 0 THEN {expires} > over_exp
            ELSE ended_at IS NULL END"""


# Rows of the table `sorted` (notes.py) that change more than the time of activity.
# A verified token that is still good proves that its session lives, whatever was known of its end by time.
NOTE_SESSIONS = f"""INSERT INTO sessions ({COLUMNS}, issued_at, live)
    SELECT t.sid, t.user_id, NULL, t.version, t.at, t.at, t.expires_at, t.issued_at, 1 FROM sorted t
        WHERE t.way = 0 AND t.user_id IS NOT NULL
            AND (t.expires_at > :now OR EXISTS (SELECT 1 FROM sessions WHERE sid = t.sid)
                OR EXISTS (SELECT 1 FROM told WHERE sid = t.sid AND place < t.place
                    AND user_id IS NOT NULL AND expires_at > :now))
        ORDER BY t.place
    ON CONFLICT (sid) DO UPDATE SET {_TOUCH}, {_LIVE}
    WHERE {is_later("excluded.issued_at", "excluded.expires_at")}
        AND max(sessions.expires_at, excluded.expires_at) > :now AND user_id = excluded.user_id"""
NOTE_VISITORS = f"""INSERT INTO visitors (sid, version, last_activity, expires_at, kind)
    SELECT t.sid, t.version, t.at, t.expires_at, t.kind FROM sorted t
        WHERE t.way = 0 AND t.user_id IS NULL
            AND (t.expires_at > :now OR EXISTS (SELECT 1 FROM visitors WHERE sid = t.sid)
                OR EXISTS (SELECT 1 FROM told WHERE sid = t.sid AND place < t.place
                    AND user_id IS NULL AND expires_at > :now))
        ORDER BY t.place
    ON CONFLICT (sid) DO UPDATE SET {_TOUCH}
    WHERE max(visitors.expires_at, excluded.expires_at) > :now"""
NOTE_GONE = (
    "UPDATE visitors SET gone = 1 WHERE sid = :sid AND last_activity <= :until",
    "DELETE FROM visitors WHERE sid = :sid AND last_activity <= :until",
)

DUE = (
    "SELECT 1 FROM sessions WHERE live = 1 AND expires_at <= :now LIMIT 1",
    "SELECT 1 FROM visitors WHERE expires_at <= :now LIMIT 1",
)
SWEEP = (
    """UPDATE sessions SET live = 0 WHERE sid IN (
        SELECT sid FROM sessions WHERE live = 1 AND expires_at <= :now ORDER BY expires_at LIMIT :batch)""",
    """DELETE FROM visitors WHERE sid IN (
        SELECT sid FROM visitors WHERE expires_at <= :now ORDER BY expires_at LIMIT :batch)""",
)
PURGE = """DELETE FROM sessions WHERE sid IN (
    SELECT sid FROM sessions WHERE live = 0 AND expires_at < :horizon ORDER BY expires_at LIMIT :batch)"""

_WINDOW = """SELECT at AS block, kind, version, n FROM tally WHERE width = 300 AND at > :low AND at < :high
    UNION ALL SELECT at / 300, kind, version, n FROM tally
        WHERE width = 1 AND at > :since AND at < min(:until, :low * 300 + 300)
    UNION ALL SELECT at / 300, kind, version, n FROM tally
        WHERE width = 1 AND at >= max(:high, :low + 1) * 300 AND at < :until"""
COUNT = f"""SELECT version,
        sum(iif(kind = 'session', n, 0)), sum(iif(kind = 'holder', n, 0)),
        sum(iif(kind = 'visitor', n, 0)), sum(iif(kind = 'person', n, 0)),
        max(block)
    FROM ({_WINDOW}) GROUP BY version"""
LATEST = """SELECT max(at) FROM tally
    WHERE width = 1 AND at >= :block * 300 AND at < :block * 300 + 300 AND version = :version"""
USERS = """SELECT user_id, email, holders.last_activity FROM holders JOIN people USING (user_id)
    WHERE version = :version AND holders.last_activity > :since
        AND (holders.last_activity, user_id) < (:last_activity, :user_id)
    ORDER BY holders.last_activity DESC, user_id DESC LIMIT :limit"""

# Of sessions those whose tokens say no version: their sids begin with "t." (session_api.sessions.names), and
# "/" comes after ".". What has a "~" in it is a part of one, which no proxy has to remember. One whose token
# has expired may come back with another one.
CLIENTS = """SELECT sid, version, :now - last_activity FROM visitors
        WHERE kind <> 'visitor' AND sid > :after AND last_activity > :since
    UNION ALL SELECT sid, version, :now - last_activity FROM sessions
        WHERE sid > max(:after, 't.') AND sid < 't/' AND instr(sid, '~') = 0 AND ended_at IS NULL
            AND last_activity > :since
    ORDER BY sid LIMIT :limit"""

LAST = tuple(
    f"""SELECT expires_at, last_activity FROM {table} WHERE version = :version {live}
        ORDER BY expires_at DESC LIMIT :walk"""
    for table, live in (("sessions", "AND live = 1"), ("visitors", ""))
)
DEPARTED = "SELECT coalesce(sum(n), 0) FROM departures WHERE minute >= :minute AND version = :version"
WENT_IDLE = f"""SELECT coalesce(sum(n), 0) FROM ({_WINDOW})
    WHERE kind IN ('session', 'visitor') AND version = :version"""
FORGET_DEPARTURES = "DELETE FROM departures WHERE minute < :minute"

HEARD = (
    "SELECT name, seen_at, since, told_at, gauges, visitors_told_at, doubled_at FROM proxies ORDER BY name"
)
HEAR = """INSERT INTO proxies (name, seen_at, since, told_at, gauges, visitors_told_at, instance)
        VALUES (:name, :now, :since, :told_at, :gauges, :visitors_told_at, :instance)
    ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at, since = excluded.since,
        told_at = coalesce(excluded.told_at, told_at),
        visitors_told_at = coalesce(excluded.visitors_told_at, visitors_told_at),
        gauges = coalesce(excluded.gauges, gauges),
        doubled_at = iif(excluded.instance <> instance AND excluded.instance = before, :now, doubled_at),
        before = iif(excluded.instance <> instance, instance, before), instance = excluded.instance"""
BORN = """INSERT INTO store (one, epoch, born_at, fresh, idle) VALUES (1, :epoch, :now, :fresh, :idle)
    ON CONFLICT (one) DO UPDATE SET idle = excluded.idle"""
