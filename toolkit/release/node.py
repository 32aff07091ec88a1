"""`bgctl node`: takes this host out from behind its load balancer, and puts it back. Nothing is refused.

In a cluster the node's agent writes node.json, and NAME says which node is meant; all else here holds there
as well.
"""

import socket

from toolkit.clients.proxy import APPLY, reachable
from toolkit.clients.proxy_status import NodeStatus, Status
from toolkit.errors import Failed, Refused
from toolkit.files import node_file
from toolkit.files.atomic import NotSynced
from toolkit.project import Project
from toolkit.release import node_empty
from toolkit.release.steps import Step, show_plan, walk
from toolkit.rendering import reload
from toolkit.state.node import Node
from toolkit.values import Duration, is_stamp, moment, stamp

LOOK = 0.2  # seconds between two lines of what is waited for


def here() -> str:
    """The name of this node."""
    return socket.gethostname()


def drain(project: Project, name: str, within: float, why: str = "", dry_run: bool = False) -> None:
    """Raises NotYet where something is still open after `within` seconds.

    The lock is held until clients have been asked to leave, and not while what is open ends.
    """
    _check_name(name, "drain")
    _check_balancer(project)
    if dry_run:
        return show_plan([*_steps(project, why), _last(project, within)], project.ui)
    with project.change("node drain"):
        walk(_steps(project, why), project.ui)
    return walk([_last(project, within)], project.ui)


def ready(project: Project, name: str, dry_run: bool = False) -> Node:
    """Returns what node.json says then."""
    _check_name(name, "ready")
    project.state()
    with project.change("node ready", dry_run):
        walk([_ready_step(project)], project.ui, dry_run)
    if not dry_run and (status := reachable(project.proxy)) and status.node and not status.node.ready:
        project.ui.warn(f"load balancers are still told to send nothing: {status.node.why_not}")
    return _said(project)


def _check_name(name: str, verb: str) -> None:
    if name not in ("", here()):
        why = f"this one is {here()}, and bgctl.toml is about one host"
        raise Refused(f"{name} is another host", why, f"bgctl --host {name} node {verb}")


def _check_balancer(project: Project) -> None:
    """Raises Refused where no load balancer could notice: the node would never be empty."""
    project.state()
    if not (path := project.config.proxy.balancer_path):
        why = "[proxy] balancer_path is not set, at which they ask"
        raise Refused("no load balancer would notice", why, "edit bgctl.toml, then: bgctl reload")
    if (status := reachable(project.proxy, tries=3)) is None:
        raise Refused("the proxy does not run", "there is nothing to drain", "bgctl up")
    if status.node is None:
        raise Refused("the proxy is of another bgctl", "it knows of no node.json", "bgctl up")
    if status.node.path != path:
        why = f"the proxy does not answer at {path} yet"
        raise Refused("no load balancer would notice", why, "bgctl reload")


def _steps(project: Project, why: str) -> list[Step]:
    path, notice = project.config.proxy.balancer_path, project.config.proxy.balancer_notice
    return [
        Step(
            name="node",
            what=f"answer 503 at {path}, and serve all that still comes",
            do=lambda: _mark(project, why),
        ),
        Step(
            name="balancers",
            what=f"give them {Duration(notice):g} s to notice ([proxy] balancer_notice)",
            do=lambda: _notice(project),
        ),
        Step(
            name="connections",
            what="have new workers take over: clients close the connections that they keep",
            do=lambda: _leave(project),
        ),
    ]


def _last(project: Project, within: float) -> Step:
    def wait() -> str:
        left = node_empty.wait(project, within)
        if project.ui.as_json:
            project.ui.emit(left.document(here()))
        node_empty.check(left, project.config.proxy.balancer_path)
        return str(left)

    return Step(name="open", what=f"wait until nothing is open, up to {Duration(within):g} s", do=wait)


def _mark(project: Project, why: str) -> str:
    before = _said(project)
    since = before.since if before.drain and is_stamp(before.since) else stamp(project.now())
    _write(project, Node(True, since, why or before.why))
    _await(project, True, "drain its node")
    return f"load balancers are told to send nothing, since {since}"


def _notice(project: Project) -> str:
    """Waits for as long as load balancers need. A drain that goes on waits for the rest of it.

    A stamp is of whole seconds: the drain began up to a second later.
    """
    notice = project.config.proxy.balancer_notice
    since = _said(project).since or stamp(project.now())
    passed = (project.now() - moment(since)).total_seconds() - 1
    left = min(notice, notice - passed)
    for seconds in project.clock.every(LOOK, within=left):
        project.ui.progress(f"load balancers notice, {max(0, left - seconds):.0f} s more")
    return f"have had {Duration(notice):g} s to notice it"


def _leave(project: Project) -> str:
    """HTTP/1 clients have their idle connections closed, HTTP/2 clients get a GOAWAY (decision record 92)."""
    reload.replace_workers(project)
    return "those that clients keep are closed, each after what is under way on it"


def _ready_step(project: Project) -> Step:
    path = project.config.proxy.balancer_path
    return Step(
        name="node",
        what=f"answer 200 at {path} again" if path else "take the drain back",
        do=lambda: _unmark(project),
        needed=lambda: _is_drained(project),
        skipped="nothing to do: this node is not drained",
    )


def _unmark(project: Project) -> str:
    _write(project, Node())
    if reachable(project.proxy, tries=3) is None:
        return "ready as soon as the proxy runs; next: bgctl up"
    _await(project, False, "take the drain back")
    return "load balancers are told to send traffic again"


def _is_drained(project: Project) -> bool:
    """Whether there is a drain to take back; a damaged file is one that is written anew."""
    try:
        return node_file.read(project.state_dir).drain
    except Failed:
        return True


def _said(project: Project) -> Node:
    """What node.json says. What a damaged one said, the proxy knows: the last good one is in force there."""
    try:
        return node_file.read(project.state_dir)
    except Failed:
        status = reachable(project.proxy)
        known: NodeStatus = (status and status.node) or NodeStatus()
        return Node(known.drain, known.since, known.why)


def _write(project: Project, new: Node) -> None:
    try:
        node_file.write(project.state_dir, new)
    except NotSynced as error:
        project.ui.warn(str(error))


def _await(project: Project, drained: bool, what: str) -> None:
    def done(status: Status) -> bool:
        return status.drained(drained)

    try:
        project.proxy.wait_until(done, what, APPLY)
    except Failed as error:
        why = f"{error}; node.json is written and holds as soon as the proxy reads it"
        raise Failed("that is not confirmed", why, "bgctl status") from None
