"""What `bgctl init` says when it is done: what was found, what is written, and what to type next."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from toolkit.engine import compose_forms, ports
from toolkit.engine.compose import ComposeService
from toolkit.errors import caught
from toolkit.init import guesses
from toolkit.init.files import Change
from toolkit.init.plan import Plan
from toolkit.init.surroundings import Surroundings

COLUMNS = ("service", "what", "port", "health", "blue", "green")


def rows(plan: Plan) -> list[tuple[object, ...]]:
    """The slotted services, for a table of `COLUMNS`."""
    found: list[tuple[object, ...]] = []
    for each in plan.services:
        health = each.health.value if each.health else "container"
        what = "worker" if each.worker else ", ".join(each.routes)
        what += f" ({each.replicas} replicas)" * (each.replicas > 1)
        blue, green = each.addresses or (None, None)
        found.append((each.name, what, each.port and each.port.value, health, blue, green))
    return found


def written(changes: Sequence[Change], root: Path, done: bool) -> Iterator[str]:
    """A line for each file: what is written, or would be."""
    for change in changes:
        name = os.path.relpath(change.path, root)
        appended = change.before is not None and change.after.startswith(change.before)
        did = (
            f"{change.added} lines added" if appended else "replaced" if change.before is not None else "new"
        )
        yield f"{'wrote' if done else 'would write'} {name}: {did}"


def next_steps(plan: Plan, around: Surroundings) -> Iterator[str]:
    """The commands to type, each with a few words where it needs some."""
    services = around.found.services
    for each in plan.services:
        if not around.running(each.name):
            yield from _tag(services[each.name], plan, around)
    refused = list(caught(lambda: ports.check_allowed("the proxy", plan.listen.value)))
    yield from (f"{error.next}   ({error.what}: {error.why})" for error in refused)
    if any(around.running(each.name) for each in plan.services):
        yield "bgctl adopt   (what runs becomes blue, without a gap where root types it; --dry-run shows how)"
    else:
        yield "bgctl up"
    yield "bgctl deploy VERSION   (for each new version)"


def _tag(service: ComposeService, plan: Plan, around: Surroundings) -> Iterator[str]:
    """An image that is not built, and whose name does not say its version, needs one that does."""
    image, version = service.image, plan.version.value
    if service.build or not image or image.endswith(":") or guesses.tag_of(image) == version:
        return
    engine = around.engine.name
    named = f"{compose_forms.repository(image)}:{version}"
    yield f"{engine} tag {image} {named}   (a slot's image has its version as its tag)"
