"""When the old version will be empty, in words."""

from datetime import datetime

from toolkit.clients.session_api import Forecast
from toolkit.terminal.humanize import clock, until


def words(forecast: Forecast | None, ends: datetime | None, now: datetime) -> str:
    """ "likely empty at 14:20 (in 35 min), at the latest at 16:40; if nobody comes back, at 13:58" """
    told = forecast or Forecast()
    latest = min((at for at in (told.latest, ends) if at), default=None)
    likely = min(told.likely, latest) if told.likely and latest else told.likely
    sure = [f"likely empty at {_when(likely, now)}"] if likely else []
    sure += [f"at the latest at {_when(latest, now)}"] if latest else []
    parts = [", ".join(sure)] if sure else []
    if told.earliest and told.earliest > now and (not latest or told.earliest < latest):
        parts.append(f"if nobody comes back, at {clock(told.earliest, now)}")
    return "; ".join(parts)


def _when(at: datetime, now: datetime) -> str:
    return f"{clock(at, now)} ({until((at - now).total_seconds())})"
