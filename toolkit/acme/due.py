"""Whether a certificate is to be obtained now. Values in, a verdict out."""

from collections.abc import Collection
from datetime import datetime, timedelta

from msgspec import Struct

SHARE = 3  # a certificate of a few days is renewed in the last third of its life, whatever renew_before says


class Held(Struct, frozen=True):
    """What a certificate says of itself: for which hosts, by whom, from when, until when."""

    names: tuple[str, ...]
    issuer: str
    begin: datetime
    until: datetime


class Verdict(Struct, frozen=True):
    """`at` is when it is due, or was; `why` belongs behind "due:" or, where it is not, behind "not due:"."""

    due: bool
    at: datetime
    why: str


def renewal(held: Held, renew_before: float) -> datetime:
    """When a certificate is to be renewed. `renew_before` is in seconds."""
    return held.until - min(timedelta(seconds=renew_before), (held.until - held.begin) / SHARE)


def judge(held: Held | None, hosts: Collection[str], renew_before: float, now: datetime) -> Verdict:
    """None: there is no certificate that could be used."""
    if held is None:
        return Verdict(True, now, "there is none yet")
    if missing := sorted(set(hosts) - set(held.names)):
        return Verdict(True, now, f"{', '.join(missing)} is not in it")
    at = renewal(held, renew_before)
    if held.until <= now:
        return Verdict(True, at, f"it expired on {held.until:%Y-%m-%d}")
    until = f"it is good until {held.until:%Y-%m-%d %H:%M} UTC"
    return Verdict(at <= now, at, until)
