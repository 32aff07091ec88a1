"""`bgctl node`: takes a node out from behind its load balancer, and puts it back. Nothing is refused."""

from toolkit.clients.proxy import APPLY, reachable
from toolkit.clients.proxy_status import Status
from toolkit.errors import Failed, Refused
from toolkit.project import Project
from toolkit.release import node_empty, node_place
from toolkit.release.node_place import Place
from toolkit.release.steps import Step, show_plan, walk
from toolkit.state.node import READY, Node
from toolkit.values import Duration, is_stamp, moment, stamp

LOOK = 0.2  # seconds between two lines of what is waited for


def drain(project: Project, name: str, within: float, why: str = "", dry_run: bool = False) -> str:
    """Returns what there is to say then. Raises NotYet where something is still open after `within` seconds.

    The lock is held until clients have been asked to leave, and not while what is open ends.
    """
    place = node_place.find(project, name, "drain")
    _check_balancer(project, place)
    last = [] if place.unheard else [_last(project, place, within)]
    if dry_run:
        show_plan([*_steps(project, place, why), *last], project.ui)
        return ""
    with project.change("node drain"):
        walk(_steps(project, place, why), project.ui)
    walk(last, project.ui)
    if place.unheard:
        if project.ui.as_json:
            project.ui.emit({"node": place.name, "drained": True, "empty": None})
        return f"{place.name} is drained {place.later}; what is open there is not known"
    return f"drained: nothing is open; stop the stack or the machine, or: {READY}{place.typed}"


def ready(project: Project, name: str, dry_run: bool = False) -> Node:
    """Returns what the node is told then."""
    place = node_place.find(project, name, "ready")
    project.state()
    with project.change("node ready", dry_run):
        walk([_ready_step(project, place)], project.ui, dry_run)
    said = place.said()
    if dry_run:
        return said
    if not place.unheard and (status := reachable(place.proxy)) and status.node and not status.node.ready:
        project.ui.warn(f"load balancers are still told to send nothing: {status.node.why_not}")
    if project.ui.as_json:
        project.ui.emit({"node": place.name, "drained": said.drain})
    return said


def _check_balancer(project: Project, place: Place) -> None:
    """Raises Refused where no load balancer could notice: the node would never be empty."""
    project.state()
    if not (path := project.config.proxy.balancer_path):
        why = "[proxy] balancer_path is not set, at which they ask"
        raise Refused("no load balancer would notice", why, f"edit bgctl.toml, then: {place.renders}")
    if place.unheard:
        return
    if (status := reachable(place.proxy, tries=3)) is None:
        raise place.absent()
    if status.node is None:
        raise Refused("the proxy is of another bgctl", "it knows of no node.json", "bgctl up")
    if status.node.path != path:
        why = f"the proxy does not answer at {path} yet"
        raise Refused("no load balancer would notice", why, place.renders)


def _steps(project: Project, place: Place, why: str) -> list[Step]:
    path, notice = project.config.proxy.balancer_path, project.config.proxy.balancer_notice
    mark = Step(
        name="node",
        what=f"answer 503 at {path}, and serve all that still comes",
        do=lambda: _mark(project, place, why),
    )
    if place.unheard:
        return [mark]
    return [
        mark,
        Step(
            name="balancers",
            what=f"give them {Duration(notice):g} s to notice ([proxy] balancer_notice)",
            do=lambda: _notice(project, place),
        ),
        Step(
            name="connections",
            what="have new workers take over: clients close the connections that they keep",
            do=lambda: _leave(place),
        ),
    ]


def _last(project: Project, place: Place, within: float) -> Step:
    def wait() -> str:
        left = node_empty.wait(project, place, within)
        if project.ui.as_json:
            project.ui.emit(left.document(place.name))
        node_empty.check(left, project.config.proxy.balancer_path, place.typed)
        return str(left)

    return Step(name="open", what=f"wait until nothing is open, up to {Duration(within):g} s", do=wait)


def _mark(project: Project, place: Place, why: str) -> str:
    before = place.said()
    since = before.since if before.drain and is_stamp(before.since) else stamp(project.now())
    place.write(Node(True, since, why or before.why))
    if place.unheard:
        return f"load balancers of {place.name} are told to send nothing {place.later}"
    _await(place, True, "drain its node")
    return f"load balancers are told to send nothing, since {since}"


def _notice(project: Project, place: Place) -> str:
    """Waits for as long as load balancers need. A drain that goes on waits for the rest of it.

    A stamp is of whole seconds: the drain began up to a second later.
    """
    notice = project.config.proxy.balancer_notice
    since = place.said().since or stamp(project.now())
    passed = (project.now() - moment(since)).total_seconds() - 1
    left = min(notice, notice - passed)
    for seconds in project.clock.every(LOOK, within=left):
        project.ui.progress(f"load balancers notice, {max(0, left - seconds):.0f} s more")
    return f"have had {Duration(notice):g} s to notice it"


def _leave(place: Place) -> str:
    place.leave()
    return "those that clients keep are closed, each after what is under way on it"


def _ready_step(project: Project, place: Place) -> Step:
    path = project.config.proxy.balancer_path
    return Step(
        name="node",
        what=f"answer 200 at {path} again" if path else "take the drain back",
        do=lambda: _unmark(place),
        needed=place.is_drained,
        skipped=f"nothing to do: {place.typed.strip() or 'this node'} is not drained",
    )


def _unmark(place: Place) -> str:
    if not place.unheard:
        place.settle()
    place.write(Node())
    if place.unheard or reachable(place.proxy, tries=3) is None:
        return f"ready {place.later}"
    _await(place, False, "take the drain back")
    return "load balancers are told to send traffic again"


def _await(place: Place, drained: bool, what: str) -> None:
    def done(status: Status) -> bool:
        return status.drained(drained)

    try:
        place.proxy.wait_until(done, what, APPLY)
    except Failed as error:
        why = f"{error}; {place.stands}"
        raise Failed("that is not confirmed", why, "bgctl status") from None
