"""Asks a service that runs today for its health: on loopback, at its published port, a few paths."""

from collections.abc import Callable

from msgspec import Struct

from toolkit.engine.compose_forms import Binding
from toolkit.health.answer import Answer, Fault
from toolkit.health.check import Check
from toolkit.health.request import ask
from toolkit.values import Address

PATHS = ("/health", "/healthz", "/up", "/api/health", "/")
NOWHERE = "/bgctl-init-asks-for-a-page-that-is-not-there"
WITHIN = 2.0  # seconds for each answer
ANY = ("", "0.0.0.0", "127.0.0.1")  # noqa: S104  (the hosts of a binding that loopback reaches)

Ask = Callable[[Check], Answer | Fault]


class Seen(Struct, frozen=True):
    """`path` answered with a 2xx; "": none did. `https`: only as if the browser came by HTTPS.

    `refused`: the status with which it answered all of them, where that was one.
    """

    path: str = ""
    https: bool = False
    refused: int = 0


def look(published: Binding | None, host: str, send: Ask = ask) -> Seen:
    """What a service says of its health as browsers ask it. `host` is the Host to send; "": its address."""
    if published is None or not published.published or published.host not in ANY:
        return Seen()
    address = Address(f"127.0.0.1:{published.published}")
    said: set[int] = set()
    for scheme in ("http", "https"):
        seen = {path: _status(send, address, path, host, scheme) for path in (NOWHERE, *PATHS)}
        if not any(seen.values()):
            return Seen()
        good = [path for path in PATHS if 200 <= seen[path] < 300]
        if good:
            every = 200 <= seen[NOWHERE] < 300  # one page for all paths: then / is as good as any
            return Seen("/" if every and "/" in good else good[0], scheme == "https")
        said |= set(seen.values())
        if not all(300 <= status < 400 for status in seen.values()):
            break
    return Seen(refused=said.pop() if len(said) == 1 else 0)


def _status(send: Ask, address: Address, path: str, host: str, scheme: str) -> int:
    """0: there was no answer."""
    found = send(Check("", address, path, host or str(address), scheme, "", WITHIN))
    return found.status if isinstance(found, Answer) else 0
