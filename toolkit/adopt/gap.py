"""Takes the port where nothing can be redirected: what has it stops, the proxy listens. In between is a gap.

All else is done before: blue is proven, the proxy runs at another port, its new configuration is tested.
"""

from collections.abc import Iterable

from toolkit import slots
from toolkit.adopt import ending, listening
from toolkit.adopt.holders import Holder
from toolkit.adopt.plan import Plan
from toolkit.engine import unit
from toolkit.engine.engine import REMOVE
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.files import adoption_file
from toolkit.project import Project
from toolkit.rendering import reload

LOOK = 0.01  # seconds
LISTEN = 15.0  # seconds for the proxy to listen, once the port is free


def check_asked(project: Project, plan: Plan, yes: bool) -> None:
    """Raises Refused where a gap has to be asked for, and nobody can be asked."""
    if plan.way == adoption_file.GAP and not (yes or project.ui.can_ask):
        what = f"{' and '.join(plan.temporary)} cannot be taken without a gap"
        why = f"{plan.why}; it asks before people are without the app, and there is no terminal"
        next = "bgctl adopt as root, or, with the gap: bgctl adopt --yes"
        raise Refused(what, why, next)


def take(project: Project, plan: Plan, yes: bool) -> str:
    """Rehearses, asks, and takes the port. Returns how long the gap was.

    Raises Refused where the operator says no, and Failed with the old containers running again.
    """
    seconds, parts = rehearse(project, plan.holders)
    project.ui.say(f"the app will be away for about {seconds:.1f} s: {parts}")
    if not yes and not project.ui.confirm("Now?"):
        raise Refused("not confirmed", "the port is not taken", "bgctl adopt")
    start = project.clock.monotonic()
    try:
        _take(project, plan)
    except BgctlError as error:
        _back(project, plan.holders)
        raise Failed(error.what, error.why, error.next, error.detail) from None
    gap = project.clock.monotonic() - start
    found = listening.note(project)
    reload.mark_loaded(project, reload.wanted(project)[0])
    listening.leave(project, found)
    return f"the proxy listens; the app was away for {gap:.2f} s at the most, and {seconds:.2f} s were told"


def rehearse(project: Project, holders: Iterable[Holder]) -> tuple[float, str]:
    """Seconds that the gap will take, and of what they consist: blue stops as what runs today will.

    Of what is not in a slot only its grace period is known.
    """
    total, parts = 0.0, []
    for each in holders:
        blue = [one.compose for one in project.config.members("blue") if one.name == each.name]
        there = project.engine.containers()
        if blue and blue[0] in there:
            start = project.clock.monotonic()
            ending.stop_one(project, there[blue[0]], project.grace(blue[0]))
            took, words = project.clock.monotonic() - start, "stops in"
            project.engine.start(there[blue[0]])
            slots.prove(project, "blue", project.state().slots.blue.version or "")
        else:
            took, words = project.grace(each.name), "may take"
        total += took
        parts.append(f"{each.name} {words} {took:.1f} s")
    start = project.clock.monotonic()
    reload.replace_workers(project)
    took = project.clock.monotonic() - start
    return total + took, ", ".join([*parts, f"the proxy takes over in {took:.1f} s"])


def _take(project: Project, plan: Plan) -> None:
    """Stops and listens as one thing: were we killed in between, nobody would be served."""
    listening.note(project, real=True)
    files = reload.wanted(project)[0]
    reload.prepare(project, files)
    reload.test(project, files["nginx.conf"])
    commands, grace = project.engine.commands, sum(project.grace(each.name) for each in plan.holders)
    stops = [commands.stop(each.container.id, project.grace(each.name)) for each in plan.holders]
    proxy = project.engine.containers()[project.config.proxy_service]
    reload.store(project, files)
    listening.note(project, stopped=True)
    unit.run([*stops, commands.kill(proxy.id, "HUP")], grace + REMOVE)
    for _ in project.clock.every(LOOK, within=LISTEN):
        if all(listening.is_open(address) for each in plan.holders for address in each.addresses):
            return
    raise Failed(
        "the proxy does not listen",
        f"not within {LISTEN:g} s",
        "bgctl doctor",
        project.engine.logs(project.config.proxy_service, 5),
    )


def _back(project: Project, holders: Iterable[Holder]) -> None:
    """What ran runs again. Where it does not, that is warned of, and there is no way back: blue stays.

    The failure before is the one that is raised.
    """
    try:
        listening.note(project, real=False)
        reload.store(project, reload.wanted(project)[0])
        _leave_port(project)
        for each in holders:
            project.engine.start(each.container)
        listening.note(project, stopped=False)
    except BgctlError as error:
        project.ui.warn(error.line)


def _leave_port(project: Project) -> None:
    """The proxy gives the port up. One that does not is removed: it may have the port, and serves nobody."""
    try:
        reload.replace_workers(project)
    except BgctlError as error:
        project.ui.warn(error.line)
        project.engine.remove(project.config.proxy_service, 0)
