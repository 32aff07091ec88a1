"""When an authority may be asked again. Notes and the time in, a time or new notes out.

Public authorities count what fails (some five failed checks of a host in an hour), and what is ordered.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from msgspec.structs import replace

from toolkit.acme.notes import Notes
from toolkit.values import moment, stamp

WAITS = tuple(
    timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 720)
)  # after each failure in a row
HOUR = timedelta(hours=1)
MOST = 5  # orders in an hour, whatever comes of them: also of a command that is killed again and again
LONGEST = timedelta(days=14)  # of a Retry-After: more is a mistake of the authority, or of a clock


def told(notes: Notes, now: datetime) -> datetime | None:
    """Until when the authority itself wants to be left alone; None: no longer."""
    return _ahead(_time(notes.wait_until), now, LONGEST)


def earliest(notes: Notes, now: datetime) -> datetime | None:
    """When the authority may be asked again; None: now."""
    ends = [_ahead(_time(notes.wait_until), now, LONGEST)]
    if notes.failures and (failed := _time(notes.failed)):
        wait = WAITS[min(notes.failures, len(WAITS)) - 1]
        ends.append(_ahead(failed + wait, now, wait))
    begun = sorted(each for text in notes.attempts if (each := _time(text)) and now - HOUR < each <= now)
    if len(begun) >= MOST:
        ends.append(begun[-MOST] + HOUR)
    return max((end for end in ends if end), default=None)


def begun(notes: Notes, now: datetime) -> Notes:
    """Before an order."""
    return replace(notes, attempts=(*notes.attempts, stamp(now))[-2 * MOST :])


def failed(notes: Notes, now: datetime, failure: str, retry_after: float) -> Notes:
    """After an order that has failed; `retry_after` is in seconds, 0 where the authority has said nothing."""
    until = stamp(now + min(timedelta(seconds=retry_after), LONGEST)) if retry_after else ""
    return replace(notes, failures=notes.failures + 1, failed=stamp(now), failure=failure, wait_until=until)


def obtained(notes: Notes, now: datetime) -> Notes:
    """After a certificate. The orders still count."""
    return Notes(notes.about, notes.attempts, obtained=stamp(now))


def _time(text: str) -> datetime | None:
    with suppress(ValueError):
        return moment(text)
    return None


def _ahead(end: datetime | None, now: datetime, most: timedelta) -> datetime | None:
    """`end`, if it is to come; None where it is further away than can be: then the clock was wrong."""
    return end if end and now < end <= now + most + timedelta(minutes=1) else None
