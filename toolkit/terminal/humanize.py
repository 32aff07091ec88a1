"""Says times, shares and counts as people do: "3 min ago", "14:20" and "Wed 14:20", "68 %", "1 session"."""

from datetime import datetime, tzinfo
from typing import Protocol

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


class Forecast(Protocol):
    """What `forecast` needs of `toolkit.clients.session_api.Forecast`, which this room must not import."""

    @property
    def earliest(self) -> datetime | None: ...
    @property
    def likely(self) -> datetime | None: ...
    @property
    def latest(self) -> datetime | None: ...


def span(seconds: float, parts: int = 2) -> str:
    """A length of time, rounded down to `parts` neighbouring units: "2 h 5 min", "6 d"; below 0 it is "0 s".

    There are no seconds beside minutes.
    """
    left = max(0, int(seconds))
    left -= left % 60 if left >= 60 else 0
    first = next((at for at, (_, size) in enumerate(_UNITS) if left >= size), len(_UNITS) - 1)
    said: list[str] = []
    for unit, size in _UNITS[first : first + parts]:
        count, left = divmod(left, size)
        if count or not said:
            said.append(f"{count} {unit}")
    return " ".join(said)


def took(seconds: float) -> str:
    """How long something took: "0.4 s", "42 s", "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return span(seconds)


def short(seconds: float) -> str:
    """A bound of response times: "100 ms", "2.5 s"."""
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"


def size(amount: float) -> str:
    """Bytes as engines tell them: "120 MB", "1.2 GB"."""
    for unit in ("B", "kB", "MB"):
        if amount < 999.5:
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def many(count: int | None, things: str) -> str:
    """ "2 sessions", "1 session", "unknown sessions". The first word of `things` is a plural in s."""
    if count != 1:
        return f"{'unknown' if count is None else count} {things}"
    first, *rest = things.split(" ", 1)
    return " ".join(["1", first.removesuffix("s"), *rest])


def percent(share: float, digits: int = 0) -> str:
    """ "68 %". Only all is "100 %", and only nothing is "0 %": 0.999 is "99 %", and 0.003 is "< 1 %"."""
    least = 10.0**-digits
    if 0 < share < least / 100:
        return f"< {least:.{digits}f} %"
    shown = round(share * 100, digits)
    return f"{min(shown, 100 - least) if share < 1 else shown:.{digits}f} %"


def ago(seconds: float) -> str:
    """ "3 min ago"; "just now" also for a moment to come, because clocks differ."""
    return f"{span(seconds, parts=1)} ago" if seconds >= 1 else "just now"


def until(seconds: float) -> str:
    """ "in 35 min", rounded to the nearest minute; "now" for a moment that has come or is over."""
    seconds += 30 if seconds >= 60 else 0
    return f"in {span(seconds)}" if seconds >= 1 else "now"


def clock(moment: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """The time of day: "14:20"; within the next six days "Wed 14:20", and else "21 Jan 14:20".

    It is told for time zone `zone`, or None: the machine's own. Both moments must have a time zone.
    """
    there, here = moment.astimezone(zone), now.astimezone(zone)
    days = (there.date() - here.date()).days
    if days == 0:
        return f"{there:%H:%M}"
    return f"{there:%a %H:%M}" if 0 < days < 7 else f"{there.day} {there:%b %H:%M}"


def moment(then: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """ "in 35 min (14:20)" """
    return f"{until((then - now).total_seconds())} ({clock(then, now, zone)})"


def since(stamp: str, now: datetime, zone: tzinfo | None = None) -> str:
    """ "since 10:30 (3 h 50 min)" of a time in RFC 3339. Any other text is told as it is."""
    try:
        then = datetime.fromisoformat(stamp)
        return f"since {clock(then, now, zone)} ({span((now - then).total_seconds())})"
    except (ValueError, TypeError):
        return f"since {stamp}"


def forecast(found: Forecast | None, now: datetime, zone: tzinfo | None = None) -> str:
    """ "earliest in 5 min (13:50), likely in 35 min (14:20), latest in 6 d 2 h (Mon 16:00)", or ""."""
    if found is None:
        return ""
    parts = (("earliest", found.earliest), ("likely", found.likely), ("latest", found.latest))
    return ", ".join(f"{name} {moment(then, now, zone)}" for name, then in parts if then)
