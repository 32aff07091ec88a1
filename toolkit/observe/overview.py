"""What `bgctl status` and `bgctl monitor` show. What no source could say is unknown: None."""

import threading
from collections.abc import Iterator
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from toolkit.clients import proxy_status
from toolkit.clients.session_api import Count, Forecast, Report
from toolkit.cluster import sum_of_proxies
from toolkit.config import SLOTS
from toolkit.jwks import standing
from toolkit.jwks.standing import Standing
from toolkit.observe import container_words
from toolkit.observe.background import Answer, Question
from toolkit.observe.sources import Containers, Found, Sources
from toolkit.project import Project
from toolkit.release import differences, same_files
from toolkit.release.difference import Difference
from toolkit.state.document import Deployment, Gate

COMPOSE = 10.0  # seconds for what the compose command makes of the files


class SlotView(Struct, frozen=True, rename="camel"):
    """A slot. The fields are keys of the JSON that `status` and `monitor` print.

    `container` is the engine's word for the state of its containers, or "none". `health` is "healthy" or what
    is wrong, and `advice` the likely cause of that, and what to write. `sessions`, `users` and `visitors` are
    those of its version. `open` is the number of requests in flight and of open WebSockets. `error_rate` is
    the share of answers with a status of 5xx: since the last look, or else since the proxy started; None if
    there were none at all. `passed_over` says why the proxy's own checks find the slot down; None: they do
    not. `replicas_passed_over` has the replicas that they find down, each with why. `serves_partly`: some of
    its replicas are up, and `health` says how many.
    """

    version: str | None
    state: str | None
    weight: int | None
    container: str | None
    health: str | None
    sessions: int | None
    users: int | None
    visitors: int | None
    open: int | None
    websockets: int | None
    error_rate: float | None
    passed_over: str | None = None
    advice: str | None = None
    replicas_passed_over: dict[str, str] = {}
    serves_partly: bool = False

    @property
    def is_down(self) -> bool:
        """Whether it should serve people and does not."""
        wrong = self.health not in (None, "healthy") and not self.serves_partly
        return self.state in ("ready", "drain") and wrong

    @property
    def open_requests(self) -> int | None:
        """Requests in flight, without WebSockets."""
        return None if self.open is None or self.websockets is None else self.open - self.websockets


class ProxyView(Struct, frozen=True):
    """The proxy. `generation` is that of the state which its workers have applied.

    `workers` are alive, of `expected`. `error` says why it refused the state. `activity` is how its reports
    to the session API go. `held` requests wait at the gate. `mirror` is what it has copied to green.
    """

    generation: int | None
    workers: int
    expected: int
    error: str | None
    activity: proxy_status.Activity | None
    held: int = 0
    mirror: proxy_status.Mirror | None = None


class Overview(Struct, frozen=True, rename="camel"):
    """A project at one moment. The fields are keys of the JSON that `status` and `monitor` print.

    `migrated` is the share of sessions and visitors that are on the new version. `unknown` says why the
    counts are not known. `silent` has the sources that did not answer, each with why. `needs` has, of the
    services on which the project depends, those that do not run, each with why. `differences` has what runs
    with other settings than the files say; None: nobody asked, or that is not known. `jwks` are the identity
    providers. `node` is what the proxy is told of its node, and what load balancers are told of it; `nodes`
    has the same of the nodes of a swarm, by name. `other_files` says which files the last change was made
    with at another place, and where.
    """

    phase: str | None
    generation: int | None
    deployment: Deployment | None
    slots: dict[str, SlotView]
    proxy: ProxyView | None
    migrated: float | None
    forecast: Forecast | None
    unknown: str | None
    silent: dict[str, str]
    gate: Gate | None = None
    needs: dict[str, str] = {}
    differences: list[Difference] | None = None
    jwks: dict[str, Standing] = {}
    node: proxy_status.NodeStatus | None = None
    nodes: dict[str, proxy_status.NodeStatus] = {}
    other_files: str | None = None

    @property
    def told(self) -> dict[str, proxy_status.NodeStatus]:
        """All nodes, "" for the one of this host."""
        return {**({"": self.node} if self.node else {}), **self.nodes}


def gather(project: Project) -> Overview:
    """Asks all sources, and the compose command, which takes longer. Raises only without a usable state."""
    project.state()
    found = Sources(project).wait()
    view, files = overview(project, found), _differences(project, found.containers)
    silent = {**view.silent, **({"files": files.fault} if files.fault else {})}
    return replace(view, differences=files.value, silent=silent, other_files=same_files.told(project))


def _differences(project: Project, containers: Answer[Containers]) -> Answer[list[Difference]]:
    """Those of the containers that were found: the engine is not asked for them once more."""
    if containers.value is None:
        return Answer(fault=containers.fault)
    files = Question(partial(differences.look, project, containers.value), COMPOSE)
    told = threading.Event()
    files.ask(told.set)
    told.wait(COMPOSE)
    return files.answer


def overview(project: Project, found: Found) -> Overview:
    """What the sources have said, brought together."""
    now, report = found.state.value, found.report.value
    release = now.deployment if now else None
    moving = release if release and not release.is_restart else None  # a restart moves nobody
    return Overview(
        phase=now.phase if now else None,
        generation=now.generation if now else None,
        deployment=release,
        slots={name: _slot(project, name, found) for name in SLOTS},
        proxy=_proxy(found.proxy.value),
        migrated=migrated(report, moving) if report and moving else None,
        forecast=report.forecast if report and (moving or not release) else None,
        unknown=report.unknown if report else None,
        silent=dict(_silent(found)),
        gate=now.gate if now else None,
        needs=container_words.of_needs(project, found.containers.value),
        jwks=standing.look(project),
        node=found.proxy.value.node if found.proxy.value else None,
        nodes={name: each for name, each in sum_of_proxies.by_node(found.proxy.value).items() if name},
    )


def migrated(report: Report, release: Deployment) -> float | None:
    """The share of all that is on the new version; None if a count is unknown, or if all are zero."""
    old, new = (everyone(report.on(version)) for version in (release.old, release.new))
    if old is None or new is None or not old + new:
        return None
    return new / (old + new)


def everyone(count: Count) -> int | None:
    """Sessions and visitors together; None if one of the two is unknown."""
    if count.sessions is None or count.anonymous is None:
        return None
    return count.sessions + count.anonymous


def error_rate(now: proxy_status.Slot, before: proxy_status.Slot | None) -> float | None:
    """The share of errors among the answers since `before`, or, if the proxy was started anew, since then.

    None if there was no answer.
    """
    if now.served is None or now.errors is None:
        return None
    served, errors = (before.served or 0, before.errors or 0) if before else (0, 0)
    if now.served < served or now.errors < errors:
        served = errors = 0
    return (now.errors - errors) / (now.served - served) if now.served > served else None


def _slot(project: Project, name: str, found: Found) -> SlotView:
    seen = found.proxy.value.slots.get(name) if found.proxy.value else None
    # Without a usable state there is the last good one, which the proxy keeps.
    slot = found.state.value.slots[name] if found.state.value else seen
    version = slot.version if slot else None
    unknown = Count(None, None)
    count = found.report.value.on(version) if found.report.value and version else unknown
    before = found.proxy.before.slots.get(name) if found.proxy.before else None
    health = found.health[name].value
    return SlotView(
        version=version,
        state=slot.state if slot else None,
        weight=slot.weight if slot else None,
        container=container_words.of_slot(project, name, found.containers.value),
        health=(health.word or None) if health else None,
        sessions=count.sessions,
        users=count.users,
        visitors=count.anonymous,
        open=seen.open if seen else None,
        websockets=seen.websockets if seen else None,
        error_rate=error_rate(seen, before) if seen else None,
        passed_over=seen.health.why if seen and seen.health.up is False else None,
        advice=(health.advice or None) if health else None,
        replicas_passed_over=container_words.passed_over(project, seen) if seen else {},
        serves_partly=health.serves_partly if health else False,
    )


def _proxy(seen: proxy_status.Status | None) -> ProxyView | None:
    if seen is None:
        return None
    return ProxyView(
        generation=seen.generation,
        workers=len(seen.live),
        expected=seen.expected,
        error=seen.state_error,
        activity=seen.activity,
        held=seen.gate.waiting if seen.gate else 0,
        mirror=seen.mirror,
    )


def _silent(found: Found) -> Iterator[tuple[str, str]]:
    """The name of each source that did not answer, and why."""
    answers = {"state": found.state, "history": found.history, "engine": found.containers}
    answers |= {"proxy": found.proxy, "session API": found.report}
    if found.state.value:  # Without a state it is not known what should be healthy.
        answers |= {f"health of {slot}": answer for slot, answer in found.health.items()}
    for name, answer in answers.items():
        if answer.fault:
            yield name, answer.fault.removeprefix(f"the {name} ")
