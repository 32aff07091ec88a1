"""The parts of the monitor's screen: each makes lines of a given width from a snapshot.

In all of them `width` and `room` are the columns and the lines that there are. A signature may leave `room`
out: then the block is as high as it needs to be.
"""

import textwrap
from contextlib import suppress
from datetime import datetime

from rich.cells import cell_len
from rich.text import Text

from toolkit.clients.session_api import User
from toolkit.files.history import Entry
from toolkit.monitor.glyphs import ACCENT, BAD, QUIET, UNKNOWN, Glyphs
from toolkit.monitor.layout import apart, bar, clip, fitting, packed
from toolkit.monitor.snapshot import Snapshot, alarms
from toolkit.observe.overview import SlotView
from toolkit.terminal import humanize
from toolkit.terminal.ui import printable

ALARM = 4  # lines of one alarm, at most
REASON = 4  # lines of why something failed, at most; `bgctl history` has all of it
LABEL = 11  # width of the column of labels, of which "WebSockets" is the longest


def header(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Text]:
    """Phase, release, step and since when; the project and the time at the right."""
    parts = [Text(snapshot.phase or "phase unknown", "bold" if snapshot.phase else BAD)]
    if release := snapshot.deployment:
        moves = f"{release.old} {glyphs.arrow} {release.new}"
        parts.append(Text(f"{release.new} restarts" if release.is_restart else moves, "bold"))
        parts.append(Text(f"step {release.step}"))
        parts.append(Text(humanize.since(printable(release.started_at), snapshot.at), QUIET))
    right = Text(f"{snapshot.at.astimezone():%H:%M:%S}", QUIET)
    if width >= 80:
        right = Text.assemble((printable(snapshot.project), QUIET), "  ", right)
    return [apart(fitting(parts, width - len(right.plain) - 1, glyphs), right, width, glyphs)]


def warnings(snapshot: Snapshot, width: int, glyphs: Glyphs, room: int) -> list[Text]:
    """The alarms. Where they do not fit into `room` lines, the last line says how many more there are."""
    lines: list[Text] = []
    wrong = list(alarms(snapshot))
    for told, alarm in enumerate(wrong):
        if len(lines) + 1 >= room and told + 1 < len(wrong):
            return [*lines, clip(f"! and {len(wrong) - told} more", width, glyphs, UNKNOWN)]
        wrapped = textwrap.wrap(printable(alarm), max(8, width - 2), max_lines=ALARM, placeholder=glyphs.more)
        marked = [f"{'  ' if at else '! '}{line}" for at, line in enumerate(wrapped)]
        lines += [clip(line, width, glyphs, UNKNOWN) for line in marked]
    return lines


def slot_card(name: str, snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Text]:
    """A slot: its version and state, how its container is, who is on it, and what it has in flight."""
    slot = snapshot.slots[name]
    title = Text.assemble(
        (f"{glyphs.marks[name]} {name}", f"bold {ACCENT[name]}"), f" {slot.version or ''}".rstrip()
    )
    lines = [apart(title, Text(_state(slot, width), ACCENT[name]), width, glyphs, glyphs.rule)]
    lines.append(_condition(slot, width, glyphs))
    if slot.version is None:
        return lines
    lines += _count_rows(name, snapshot, width, glyphs)
    lines.append(_row("requests", _number(slot.open_requests), width, glyphs))
    lines.append(_row("WebSockets", _number(slot.websockets), width, glyphs))
    lines.append(_row("errors", _rate(slot.error_rate), width, glyphs))
    return lines


def progress(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Text]:
    """What share of sessions and visitors is on the new version, and when the old one will be empty."""
    if not snapshot.deployment or snapshot.deployment.is_restart:
        return []
    share = snapshot.migrated
    said = Text("-", QUIET)
    if share is not None:
        said = Text(humanize.percent(share), "bold")
    elif snapshot.unknown or "session API" in snapshot.silent:
        said = Text("unknown", UNKNOWN)
    label = Text(f"{'migrated':<{LABEL}}", QUIET)
    line = Text.assemble(label, bar(share or 0, max(4, width - LABEL - 9), ACCENT["green"], glyphs))
    return [apart(line, said, width, glyphs), *_forecast(snapshot, width, glyphs)]


def users(snapshot: Snapshot, width: int, glyphs: Glyphs, room: int) -> list[Text]:
    """A heading, and the users of the old version."""
    known = snapshot.users or []
    total = snapshot.users_total if snapshot.users_total is not None else len(known)
    if room < 2 or not known:
        return []
    where = snapshot.deployment.old if snapshot.deployment else "other versions"
    shown = known[: room - 1] if total <= room - 1 else known[: room - 2]
    lines = [_heading(f"users on {where}", str(total), width, glyphs)]
    lines += [_user(user, snapshot.at, width, glyphs) for user in shown]
    if total > len(shown):
        lines.append(Text(f"and {total - len(shown)} more" if shown else f"{total} users", QUIET))
    return lines


def longest_user(snapshot: Snapshot) -> int:
    """The width of the widest line of a user."""
    seen = len("59 min ago") + 1
    return max((cell_len(_name(user)) + seen for user in snapshot.users or []), default=0)


def history(snapshot: Snapshot, width: int, glyphs: Glyphs, room: int) -> list[Text]:
    """A heading, and what was done last, the newest first."""
    entries = (snapshot.history or [])[: max(0, room - 1)]
    if not entries:
        return []
    times = [_clock(entry.at, snapshot.at) for entry in entries]
    column = max(map(len, times))
    lines = [_heading("history", "", width, glyphs)]
    for entry, at in zip(entries, times, strict=True):
        told = _entry(entry, f"{at:>{column}}", width, glyphs)
        if len(lines) + len(told) > room:
            break
        lines += told
    return lines


def footer(interval: float, width: int, glyphs: Glyphs) -> list[Text]:
    keys = Text(f"q quits {glyphs.dot} r looks again", QUIET)
    return [apart(keys, Text(f"every {humanize.span(interval)}", QUIET), width, glyphs)]


def _count_rows(name: str, snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Text]:
    """Rows of sessions, users and visitors.

    They belong to a version: where both slots serve the same one, the counts stand in blue's card alone.
    """
    slot, blue = snapshot.slots[name], snapshot.slots["blue"]
    if slot is not blue and slot.version == blue.version:
        return [_row(label, Text("as blue", QUIET), width, glyphs) for label in _counts(slot)]
    counts = [count or 0 for each in snapshot.slots.values() for count in _counts(each).values()]
    most = max(counts, default=0)
    return [
        _row(label, _number(count), width, glyphs, _share(count, most), ACCENT[name])
        for label, count in _counts(slot).items()
    ]


def _counts(slot: SlotView) -> dict[str, int | None]:
    return {"sessions": slot.sessions, "users": slot.users, "visitors": slot.visitors}


def _state(slot: SlotView, width: int) -> str:
    state = slot.state or "unknown"
    return f"{state} {slot.weight} %" if state == "ready" and width >= 24 else state


def _condition(slot: SlotView, width: int, glyphs: Glyphs) -> Text:
    """ "running, healthy": what the engine says of the container, and what the health check says."""
    container = slot.container or "container unknown"
    if slot.version is None:
        return clip("nothing runs" if slot.container == "none" else container, width, glyphs, QUIET)
    wrong = slot.health if slot.serves_partly and slot.health else "not healthy"
    health = {"healthy": "healthy", None: "health unknown"}.get(slot.health, wrong)
    good = slot.health == "healthy"
    return clip(Text.assemble(printable(container), ", ", (health, "" if good else BAD)), width, glyphs)


def _row(
    label: str, value: Text, width: int, glyphs: Glyphs, share: float | None = None, style: str = ""
) -> Text:
    left = Text(f"{label:<{LABEL}}", QUIET)
    room = width - LABEL - 9
    if share is not None and room >= 4:
        left = Text.assemble(left, bar(share, room, style, glyphs))
    return apart(left, value, width, glyphs)


def _number(count: int | None) -> Text:
    return Text("unknown", UNKNOWN) if count is None else Text(f"{count:,}", "" if count else QUIET)


def _share(count: int | None, most: int) -> float | None:
    return None if count is None else count / most if most else 0.0


def _rate(share: float | None) -> Text:
    if share is None:
        return Text("-", QUIET)
    return Text(humanize.percent(share, 1), BAD if share else QUIET)


def _forecast(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Text]:
    """When the old version will be empty: the likely moment first, as many in a line as fit."""
    found, now = snapshot.forecast, snapshot.at
    moments = (
        (("likely", found.likely), ("earliest", found.earliest), ("latest", found.latest)) if found else ()
    )
    parts = [
        Text.assemble((f"{name} ", QUIET), (humanize.moment(then, now), "bold" if name == "likely" else ""))
        for name, then in moments
        if then
    ]
    if not parts:
        return []
    lines = packed(parts, width - LABEL, glyphs)
    labels = ["empty", *[""] * len(lines)]
    return [
        Text.assemble((f"{label:<{LABEL}}", QUIET), line) for label, line in zip(labels, lines, strict=False)
    ]


def _heading(text: str, right: str, width: int, glyphs: Glyphs) -> Text:
    return apart(Text(printable(text), "bold"), Text(right), width, glyphs, glyphs.rule)


def _user(user: User, now: datetime, width: int, glyphs: Glyphs) -> Text:
    seen = humanize.ago((now - user.last_activity).total_seconds()) if user.last_activity else "-"
    return apart(Text(_name(user)), Text(seen, QUIET), width, glyphs)


def _name(user: User) -> str:
    return printable(user.email or user.user_id or "-")


def _entry(entry: Entry, at: str, width: int, glyphs: Glyphs) -> list[Text]:
    """The line of an entry, and, of one that failed, the lines that its reason needs."""
    good = entry.outcome == "done"
    outcome = Text(printable(entry.outcome), QUIET if good else BAD)
    what = Text.assemble((at, QUIET), "  ", printable(entry.what))
    why = "" if good else printable(entry.why)
    beside = Text.assemble(what, (f"  {why}".rstrip(), QUIET))
    if cell_len(beside.plain) + cell_len(outcome.plain) < width:
        return [apart(beside, outcome, width, glyphs)]
    indent = " " * (len(at) + 2)
    below = textwrap.wrap(why, max(8, width - len(indent)), max_lines=REASON, placeholder=glyphs.more)
    return [
        apart(what, outcome, width, glyphs),
        *[clip(Text(indent + line, QUIET), width, glyphs) for line in below],
    ]


def _clock(stamp: str, now: datetime) -> str:
    with suppress(ValueError):
        return humanize.clock(datetime.fromisoformat(stamp), now)
    return printable(stamp)
