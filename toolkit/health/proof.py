"""Proves that an address is healthy and serves its version: by several good answers in a row."""

from collections.abc import Callable, Sequence

from msgspec import structs

from toolkit.clock import SYSTEM, at_most_every
from toolkit.config import Health
from toolkit.errors import Failed
from toolkit.health import answer, request
from toolkit.health.answer import Fault
from toolkit.health.check import Check

DEAD = 1.0  # seconds between two looks at whether a container that does not answer is dead
PATIENCE = 5.0  # seconds for which an answer is waited out that will not change while the app runs


class Unhealthy(Failed):
    """`fault` is what was wrong last; None: nothing was, but not for long enough."""

    def __init__(self, what: str, why: str, fault: Fault | None) -> None:
        super().__init__(what, why)
        self.fault = fault


def judge(faults: Sequence[object], passes: int) -> bool:
    """Whether the last `passes` answers were all good."""
    return len(faults) >= passes and not any(faults[-passes:])


def is_final(fault: Fault, times: int, seconds: float, passes: int) -> bool:
    """Whether waiting longer is in vain, after the same answer `times` times in a row in `seconds`."""
    return fault.lasts and times > passes and seconds >= PATIENCE * fault.patience


def probe(check: Check, version: str | None) -> Fault | None:
    """What is wrong with the answer to one check, or None."""
    return answer.fault(request.ask(check), check.proof, version)


def contradiction(check: Check, version: str) -> str | None:
    """Another version that the answer names, of a service whose proof is elsewhere; None: it does not."""
    found = probe(structs.replace(check, proof="json"), version)
    return found.version if found and found.version else None


def prove(
    name: str,
    check: Check,
    version: str | None,
    health: Health,
    dead: Callable[[], str | None] = lambda: None,
) -> None:
    """Waits until `health.passes` answers in a row are good.

    Raises Unhealthy after the time-out, or as soon as an answer is final, or `dead` has a reason why the
    container will never answer. `name` is what is proven, in messages.
    """
    faults: list[Fault | None] = []
    times, same_since = 0, 0.0
    dead = at_most_every(DEAD, dead)
    for now in SYSTEM.every(health.interval, within=health.timeout):
        fault = probe(check, version)
        times, same_since = (times + 1, same_since) if faults and faults[-1] == fault else (1, now)
        faults.append(fault)
        if judge(faults, health.passes):
            return
        if fault and (reason := dead()):
            raise Unhealthy(f"{name} is not healthy", reason, None)
        if fault and is_final(fault, times, now - same_since, health.passes):
            lasted = f"{times} times in a row in {now - same_since:.0f} s, which waiting does not change"
            raise Unhealthy(f"{name} is not healthy", f"{check.url} {fault.seen}, {lasted}", fault)
    seen = fault.seen if fault else f"was healthy only {times} times"
    raise Unhealthy(f"{name} is not healthy", f"{check.url} {seen}, after {health.timeout:g} s", fault)
