"""To which version the proxy sent a request, as its headers say; an app passes them on at a log-in."""

import re
from typing import NamedTuple

import falcon

GENERATION = re.compile(r"[0-9]{1,15}")


class Routed(NamedTuple):
    """`generation` is that of the state by which the proxy went, None where it is not told."""

    version: str
    generation: int | None = None


def routed(req: falcon.Request) -> Routed | None:
    """None where no proxy has sent it."""
    version = req.get_header("X-Deployment-Version")
    generation = req.get_header("X-Deployment-Generation") or ""
    if version is None:
        return None
    return Routed(version, int(generation) if GENERATION.fullmatch(generation) else None)
