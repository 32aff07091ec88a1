"""The parts of the dashboard: each makes lines of a given width from what is known."""

import textwrap
from contextlib import suppress
from datetime import datetime

from rich.cells import cell_len
from rich.text import Text

from toolkit.clients.session_api import User
from toolkit.files.history import Entry
from toolkit.monitor.snapshot import Picture, alarms
from toolkit.monitor.text import ACCENT, BAD, QUIET, UNKNOWN, Ink, apart, bar, clip, fitting, packed
from toolkit.observe.overview import SlotView
from toolkit.terminal import humanize as words
from toolkit.terminal.ui import printable

ALARM = 4  # lines of what is wrong
REASON = 4  # lines of a reason; all of it: bgctl history
LABEL = 11  # the column of labels; "WebSockets" is the longest


def header(picture: Picture, width: int, ink: Ink) -> list[Text]:
    """Phase, release, step and since when; project and time on the right."""
    parts = [Text(picture.phase or "phase unknown", "bold" if picture.phase else BAD)]
    if release := picture.deployment:
        parts.append(Text(f"{release.old} {ink.arrow} {release.new}", "bold"))
        parts.append(Text(f"step {release.step}"))
        parts.append(Text(words.since(printable(release.started_at), picture.at), QUIET))
    right = Text(f"{picture.at.astimezone():%H:%M:%S}", QUIET)
    if width >= 80:
        right = Text.assemble((printable(picture.project), QUIET), "  ", right)
    return [apart(fitting(parts, width - len(right.plain) - 1, ink), right, width, ink)]


def warnings(picture: Picture, width: int, ink: Ink, room: int) -> list[Text]:
    """What is wrong; in more than `room` lines only how much more."""
    lines: list[Text] = []
    wrong = list(alarms(picture))
    for told, alarm in enumerate(wrong):
        if len(lines) + 1 >= room and told + 1 < len(wrong):
            return [*lines, clip(f"! and {len(wrong) - told} more", width, ink, UNKNOWN)]
        wrapped = textwrap.wrap(printable(alarm), max(8, width - 2), max_lines=ALARM, placeholder=ink.more)
        lines += [
            clip(f"{'! ' if at == 0 else '  '}{line}", width, ink, UNKNOWN) for at, line in enumerate(wrapped)
        ]
    return lines


def card(name: str, picture: Picture, width: int, ink: Ink) -> list[Text]:
    """A slot: what it is, how it is, and who is on it."""
    slot = picture.slots[name]
    title = Text.assemble(
        (f"{ink.marks[name]} {name}", f"bold {ACCENT[name]}"), f" {slot.version or ''}".rstrip()
    )
    lines = [apart(title, Text(_state(slot, width), ACCENT[name]), width, ink, ink.rule)]
    lines.append(_condition(slot, width, ink))
    if slot.version is None:
        return lines
    lines += _people(name, picture, width, ink)
    lines.append(_row("requests", _number(slot.requests), width, ink))
    lines.append(_row("WebSockets", _number(slot.websockets), width, ink))
    lines.append(_row("errors", _rate(slot.error_rate), width, ink))
    return lines


def progress(picture: Picture, width: int, ink: Ink) -> list[Text]:
    """How much of the release is done, and when the rest will be."""
    if not picture.deployment:
        return []
    share = picture.migrated
    said = Text("-", QUIET)
    if share is not None:
        said = Text(words.percent(share), "bold")
    elif picture.unknown or "session API" in picture.silent:
        said = Text("unknown", UNKNOWN)
    label = Text(f"{'migrated':<{LABEL}}", QUIET)
    line = Text.assemble(label, bar(share or 0, max(4, width - LABEL - 9), ACCENT["green"], ink))
    return [apart(line, said, width, ink), *_forecast(picture, width, ink)]


def people(picture: Picture, width: int, ink: Ink, room: int) -> list[Text]:
    """A heading and the users of the old version, as many as there is room for."""
    users = picture.users or []
    total = picture.users_total if picture.users_total is not None else len(users)
    if room < 2 or not users:
        return []
    where = picture.deployment.old if picture.deployment else "other versions"
    shown = users[: room - 1] if total <= room - 1 else users[: room - 2]
    lines = [_heading(f"users on {where}", str(total), width, ink)]
    lines += [_user(user, picture.at, width, ink) for user in shown]
    if total > len(shown):
        lines.append(Text(f"and {total - len(shown)} more" if shown else f"{total} users", QUIET))
    return lines


def longest_user(picture: Picture) -> int:
    """The width that the users' lines need."""
    seen = len("59 min ago") + 1
    return max((cell_len(_name(user)) + seen for user in picture.users or []), default=0)


def history(picture: Picture, width: int, ink: Ink, room: int) -> list[Text]:
    """A heading and what was done last, the newest first."""
    entries = (picture.history or [])[: max(0, room - 1)]
    if not entries:
        return []
    times = [_clock(entry.at, picture.at) for entry in entries]
    column = max(map(len, times))
    lines = [_heading("history", "", width, ink)]
    for entry, at in zip(entries, times, strict=True):
        told = _entry(entry, f"{at:>{column}}", width, ink)
        if len(lines) + len(told) > room:
            break
        lines += told
    return lines


def footer(interval: float, width: int, ink: Ink) -> list[Text]:
    keys = Text(f"q quits {ink.dot} r looks again", QUIET)
    return [apart(keys, Text(f"every {words.span(interval)}", QUIET), width, ink)]


def _people(name: str, picture: Picture, width: int, ink: Ink) -> list[Text]:
    """Sessions belong to a version: where both slots serve it, they are counted once."""
    slot, blue = picture.slots[name], picture.slots["blue"]
    if slot is not blue and slot.version == blue.version:
        return [_row(label, Text("as blue", QUIET), width, ink) for label in _counts(slot)]
    most = max((count or 0 for each in picture.slots.values() for count in _counts(each).values()), default=0)
    return [
        _row(label, _number(count), width, ink, _share(count, most), ACCENT[name])
        for label, count in _counts(slot).items()
    ]


def _counts(slot: SlotView) -> dict[str, int | None]:
    return {"sessions": slot.sessions, "users": slot.users, "visitors": slot.visitors}


def _state(slot: SlotView, width: int) -> str:
    state = slot.state or "unknown"
    return f"{state} {slot.weight} %" if state == "ready" and width >= 24 else state


def _condition(slot: SlotView, width: int, ink: Ink) -> Text:
    """ "running, healthy": the engine's word and the health check's."""
    container = slot.container or "container unknown"
    if slot.version is None:
        return clip("nothing runs" if slot.container == "none" else container, width, ink, QUIET)
    health = {"healthy": "healthy", None: "health unknown"}.get(slot.health, "not healthy")
    good = slot.health == "healthy"
    return clip(Text.assemble(printable(container), ", ", (health, "" if good else BAD)), width, ink)


def _row(label: str, value: Text, width: int, ink: Ink, share: float | None = None, style: str = "") -> Text:
    left = Text(f"{label:<{LABEL}}", QUIET)
    room = width - LABEL - 9
    if share is not None and room >= 4:
        left = Text.assemble(left, bar(share, room, style, ink))
    return apart(left, value, width, ink)


def _number(count: int | None) -> Text:
    return Text("unknown", UNKNOWN) if count is None else Text(f"{count:,}", "" if count else QUIET)


def _share(count: int | None, most: int) -> float | None:
    return None if count is None else count / most if most else 0.0


def _rate(share: float | None) -> Text:
    if share is None:
        return Text("-", QUIET)
    return Text(words.percent(share, 1), BAD if share else QUIET)


def _forecast(picture: Picture, width: int, ink: Ink) -> list[Text]:
    """The likely moment first; as many in a line as there is room for."""
    found, now = picture.forecast, picture.at
    moments = (
        (("likely", found.likely), ("earliest", found.earliest), ("latest", found.latest)) if found else ()
    )
    parts = [
        Text.assemble((f"{name} ", QUIET), (words.moment(then, now), "bold" if name == "likely" else ""))
        for name, then in moments
        if then
    ]
    if not parts:
        return []
    lines = packed(parts, width - LABEL, ink)
    labels = ["empty", *[""] * len(lines)]
    return [
        Text.assemble((f"{label:<{LABEL}}", QUIET), line) for label, line in zip(labels, lines, strict=False)
    ]


def _heading(text: str, right: str, width: int, ink: Ink) -> Text:
    return apart(Text(printable(text), "bold"), Text(right), width, ink, ink.rule)


def _user(user: User, now: datetime, width: int, ink: Ink) -> Text:
    seen = words.ago((now - user.last_activity).total_seconds()) if user.last_activity else "-"
    return apart(Text(_name(user)), Text(seen, QUIET), width, ink)


def _name(user: User) -> str:
    return printable(user.email or user.user_id or "-")


def _entry(entry: Entry, at: str, width: int, ink: Ink) -> list[Text]:
    """A line, and those that its reason needs."""
    good = entry.outcome == "done"
    outcome = Text(printable(entry.outcome), QUIET if good else BAD)
    what = Text.assemble((at, QUIET), "  ", printable(entry.what))
    why = "" if good else printable(entry.why)
    beside = Text.assemble(what, (f"  {why}".rstrip(), QUIET))
    if cell_len(beside.plain) + cell_len(outcome.plain) < width:
        return [apart(beside, outcome, width, ink)]
    indent = " " * (len(at) + 2)
    below = textwrap.wrap(why, max(8, width - len(indent)), max_lines=REASON, placeholder=ink.more)
    return [
        apart(what, outcome, width, ink),
        *[clip(Text(indent + line, QUIET), width, ink) for line in below],
    ]


def _clock(stamp: str, now: datetime) -> str:
    with suppress(ValueError):
        return words.clock(datetime.fromisoformat(stamp), now)
    return printable(stamp)
