"""When the old version will be empty, in words."""

from datetime import datetime

from toolkit.sessions import Forecast
from toolkit.values import span


def words(forecast: Forecast | None, ends: datetime | None, now: datetime) -> str:
    """ "likely empty at 14:20 (in 35 min), at the latest at 16:40; if nobody comes back at 13:58" """
    told = forecast or Forecast()
    latest = min((at for at in (told.latest, ends) if at), default=None)
    likely = min(told.likely, latest) if told.likely and latest else told.likely
    sure = [f"likely empty at {_when(likely, now)}"] if likely else []
    sure += [f"at the latest at {_when(latest, now)}"] if latest else []
    parts = [", ".join(sure)] if sure else []
    if told.earliest and told.earliest > now and (not latest or told.earliest < latest):
        parts.append(f"if nobody comes back at {clock(told.earliest, now)}")
    return "; ".join(parts)


def clock(at: datetime, now: datetime) -> str:
    """On this machine's clock: "14:20", or "26 Nov 14:20" on another day."""
    here, today = at.astimezone(), now.astimezone().date()
    return f"{here:%H:%M}" if here.date() == today else f"{here.day} {here:%b %H:%M}"


def _when(at: datetime, now: datetime) -> str:
    left = (at - now).total_seconds()
    return f"{clock(at, now)} (in {span(left)})" if left > 0 else f"{clock(at, now)} (now)"
