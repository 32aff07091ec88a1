"""Proves that an address is healthy and serves the version that it should: N answers in a row that say so."""

import time
from collections.abc import Callable, Sequence

import msgspec

from toolkit.config import Health
from toolkit.errors import Failed
from toolkit.values import Address
from toolkit.web import Answer, Client, Unreachable


def fault(answer: Answer | str, wanted: str | None) -> str | None:
    """What is wrong with one answer (text: why there was none), or None. No `wanted`: a 200 will do."""
    if isinstance(answer, str):
        return answer
    if answer.status != 200:
        return f"answered status {answer.status}"
    if wanted is None:
        return None
    try:
        body = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return "answered something that is not JSON"
    version = body.get("version") if isinstance(body, dict) else None
    if version is None:
        return "answered without a version"
    return None if version == wanted else f"answered {version}, wanted {wanted}"


def judge(faults: Sequence[str | None], passes: int) -> bool:
    """Whether the last `passes` answers were all good."""
    return len(faults) >= passes and not any(faults[-passes:])


def probe(address: Address, path: str, version: str | None) -> str | None:
    """One try: what is wrong, or None."""
    try:
        answer: Answer | str = Client(address.url).get(path)
    except Unreachable as error:
        answer = error.why
    return fault(answer, version)


def prove(
    name: str,
    address: Address,
    path: str,
    version: str | None,
    health: Health,
    dead: Callable[[], str | None] = lambda: None,
) -> None:
    """Raises Failed after the time-out, or as soon as `dead` says why it is hopeless."""
    faults: list[str | None] = []
    deadline = time.monotonic() + health.timeout
    while True:
        faults.append(probe(address, path, version))
        if judge(faults, health.passes):
            return
        if faults[-1] and (reason := dead()):
            raise Failed(f"{name} is not healthy", reason)
        if time.monotonic() >= deadline:
            break
        time.sleep(health.interval)
    seen = faults[-1] or f"healthy only {len(faults)} times"
    raise Failed(f"{name} is not healthy", f"http://{address}{path} {seen}, after {health.timeout:g} s")
