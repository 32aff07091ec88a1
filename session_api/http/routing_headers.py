"""Reads the headers with which the proxy says where it sent a request; an app passes them on at a log-in."""

import re

import falcon

from session_api.sessions.routed import Routed

GENERATION = re.compile(r"[0-9]{1,15}")


def routed(req: falcon.Request) -> Routed | None:
    """Where the proxy sent the request; None if no proxy has sent it."""
    version = req.get_header("X-Deployment-Version")
    generation = req.get_header("X-Deployment-Generation") or ""
    if version is None:
        return None
    return Routed(version, int(generation) if GENERATION.fullmatch(generation) else None)
