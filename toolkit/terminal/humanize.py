"""Times and shares as people say them: "3 min ago", "in 35 min", "14:20" and "Wed 14:20", "68 %"."""

from datetime import datetime, tzinfo
from typing import Protocol

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


class Forecast(Protocol):
    """As in `toolkit.clients.session_api`; importing that one would make `bgctl --help` slow."""

    @property
    def earliest(self) -> datetime | None: ...
    @property
    def likely(self) -> datetime | None: ...
    @property
    def latest(self) -> datetime | None: ...


def span(seconds: float, parts: int = 2) -> str:
    """A length, rounded down to `parts` neighbouring units: "2 h 5 min", "6 d"; what is negative is "0 s".

    Beside minutes nobody wants seconds.
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


def percent(share: float, digits: int = 0) -> str:
    """ "68 %"; a share that is not all is not "100 %", and one that is not nothing is not "0 %"."""
    least = 10.0**-digits
    if 0 < share < least / 100:
        return f"< {least:.{digits}f} %"
    shown = round(share * 100, digits)
    return f"{min(shown, 100 - least) if share < 1 else shown:.{digits}f} %"


def ago(seconds: float) -> str:
    """ "3 min ago"; a moment that is not over yet (clocks differ) is "just now"."""
    return f"{span(seconds, parts=1)} ago" if seconds >= 1 else "just now"


def until(seconds: float) -> str:
    """ "in 35 min", to the nearest; "now" when the moment has come or is over."""
    seconds += 30 if seconds >= 60 else 0
    return f"in {span(seconds)}" if seconds >= 1 else "now"


def clock(moment: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """The time of day; with the weekday when that is another day, with the date when that is far away.

    In `zone`; None is the machine's own. Both moments know their time zone.
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
    """ "since 10:30 (3 h 50 min)"; what is no time is told as it is."""
    try:
        then = datetime.fromisoformat(stamp)
        return f"since {clock(then, now, zone)} ({span((now - then).total_seconds())})"
    except (ValueError, TypeError):
        return f"since {stamp}"


def forecast(found: Forecast | None, now: datetime, zone: tzinfo | None = None) -> str:
    """ "earliest in 5 min (13:50), likely in 35 min (14:20), latest in 6 d 2 h (Mon 16:00)"; else ""."""
    if found is None:
        return ""
    parts = (("earliest", found.earliest), ("likely", found.likely), ("latest", found.latest))
    return ", ".join(f"{name} {moment(then, now, zone)}" for name, then in parts if then)
