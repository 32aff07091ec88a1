"""`bgctl up`: starts the stack, or brings it back to what the state says, such as after a reboot."""

from toolkit import slots
from toolkit.acme import standing
from toolkit.checks.preflight import NOTHING, Given
from toolkit.clients.proxy import reachable
from toolkit.cluster import sum_of_proxies
from toolkit.config import SLOTS
from toolkit.drift import noting
from toolkit.engine.compose import Compose
from toolkit.errors import Failed
from toolkit.files import adoption_file
from toolkit.jwks import refreshing
from toolkit.project import Project
from toolkit.release import (
    agents,
    down,
    folders,
    image_builds,
    needs,
    one_host,
    proof_record,
    proxies,
    same_files,
    shared_services,
    stack_images,
    unchanged,
)
from toolkit.release.in_service import in_service, services, unproven, versions
from toolkit.release.steps import Step, walk
from toolkit.release.up_checks import check, to_build, well
from toolkit.rendering import reload
from toolkit.slots import proven
from toolkit.state import gate, node, transitions
from toolkit.state.document import State

LAST_REQUESTS = 3.0  # seconds for a proxy that is replaced to finish what it has open
START = 20.0  # seconds for a proxy to start and apply the state


def run(project: Project, dry_run: bool = False, these_files: bool = False) -> None:
    """`these_files`: whatever files the last change on a swarm was made with, at another place."""
    # At boot a unit calls again until the engine answers: the engine comes first, before the history.
    project.engine  # noqa: B018
    with project.change("up", dry_run):
        if not these_files:
            same_files.check(project)
        found = steps(project, pull=not dry_run)
        if dry_run:
            return walk(found, project.ui, dry_run)
        down.forget(project)
        with same_files.brought(project):
            walk(found, project.ui)
    return None


def steps(project: Project, pull: bool = True) -> list[Step]:
    """The runbook. Raises Refused with nothing changed, for it begins with all checks.

    Shared services come after the proxy: people are served without them, and must not wait for one that is
    in trouble. A green that has yet to prove itself comes last.
    """
    target = project.state() if project.adopted else None
    found = check(project, target, pull)
    target = target or first_state(project)
    return [
        *until_routing(project, target, found),
        *stop_surplus(project),
        *shared_services.steps(project, found, target.slots.blue.version or ""),
        *start_slots(project, target, found, unproven(target)),
    ]


def until_routing(project: Project, target: State, found: Compose, given: Given = NOTHING) -> list[Step]:
    """All that has to be there before people are served. `given`: what the caller sees to by itself."""
    return [
        *own_images(project, target, found),
        *build(project, target, found, given),
        *prepare(project, target, found),
        *agents.steps(project),
        *unchanged.steps(project, target),
        *start_slots(project, target, found, in_service(target)),
        Step(
            name="proxy",
            what="start the proxy, or give it the new configuration",
            do=lambda: start_proxy(project),
        ),
        Step(
            name="routing",
            what="wait until every worker routes by the state",
            do=lambda: await_routing(project),
        ),
    ]


def first_state(project: Project) -> State:
    """What runs today, as blue at rest; on a swarm, what ran on the one host before it."""
    if before := one_host.left(project):
        return before
    # A proxy that outlived its state file has seen generations: the next one is new to it.
    running = reachable(project.proxy)
    version = project.env()["CURRENT_VERSION"]
    return transitions.adopt(version, project.now(), after=(running and running.generation) or 0)


def own_images(project: Project, target: State, found: Compose) -> list[Step]:
    """Makes bgctl's own images where they are missing or were made by another bgctl."""
    start = target if project.adopted else None
    return stack_images.steps(project, found, lambda: {*services(project, start)} - well(project, start))


def build(project: Project, target: State, found: Compose, given: Given = NOTHING) -> list[Step]:
    """Builds missing images, before the keys are made: so a first build has no keys to take along."""
    wanted = to_build(project, target if project.adopted else None, found, given)
    if not wanted:
        return []
    if project.adopted:
        project.ui.warn(image_builds.of_what_is_here(project, found, wanted))
    env = project.compose_env(*versions(project, target))
    what = f"build {', '.join(dict.fromkeys(found.image(name) for name in wanted))}, not here yet"
    return [Step(name="build", what=what, do=lambda: image_builds.make(project, found, wanted, env))]


def prepare(project: Project, target: State, found: Compose) -> list[Step]:
    return [
        Step(
            name="keys",
            what="make the keys that are missing, and give each its folder",
            do=lambda: folders.make_keys(project),
            needed=lambda: folders.keys_wanted(project),
        ),
        Step(
            name="folders",
            what="make the folders, let the containers read them",
            do=lambda: make_folders(project, found),
        ),
        Step(
            name="key sets",
            what="fetch the keys of identity providers",
            do=lambda: refreshing.at_start(project),
            needed=lambda: refreshing.is_wanted(project),
        ),
        Step(
            name="state",
            what="adopt what runs today as blue",
            do=lambda: adopt(project, target),
            needed=lambda: not project.adopted or one_host.is_left(project),
        ),
    ]


def make_folders(project: Project, found: Compose) -> str:
    made = folders.make_folders(project)
    needs.note(project, found)
    return made


def adopt(project: Project, target: State) -> str:
    if not project.adopted:
        project.save(target)
    one_host.forget(project)
    return f"blue is {target.slots.blue.version}, generation {target.generation}"


def start_slots(project: Project, target: State, found: Compose, wanted: dict[str, str]) -> list[Step]:
    """Starts slots on their versions, after what they depend on.

    Migrations run only at rest, and before blue starts: within a release both versions have been at work.
    """
    services = [name for slot in wanted for name in slots.names(project, slot)]
    blue = target.slots.blue.version or ""

    def blue_starts_at_rest() -> bool:
        return target.phase == "rest" and not (project.adopted and slots.serves(project, "blue", blue))

    first = needs.steps(project, found, services, blue, once=blue_starts_at_rest)
    begun = target.generation
    return [*first, *[start_slot(project, slot, version, begun) for slot, version in wanted.items()]]


def start_slot(project: Project, slot: str, version: str, generation: int) -> Step:
    def start() -> str:
        note = start_as_proven(project, slot, version, generation)
        if slot == "green":
            slots.keep_running(project, project.state())
        return note

    return Step(name=f"start-{slot}", what=f"start {slot} on {version}", do=start)


def start_as_proven(project: Project, slot: str, version: str, generation: int) -> str:
    """Where the proven image is gone for good, it starts on what has its name: people must come back."""
    try:
        note = slots.start(project, slot, version)
    except (proven.Gone, proven.OtherImage) as error:
        project.ui.warn(f"{error}; {slot} starts on what has that name now")
        note = slots.start(project, slot, version, anew=True)
        proof_record.note(project, slot, version, generation)
    proof_record.note_first(project, slot, version, generation)
    return note


def start_proxy(project: Project) -> str:
    """Reloads a proxy that runs and answers. One that does not answer may be dying of what it has loaded."""
    if project.config.project.engine.several_hosts:
        return proxies.start(project)
    if hint := standing.hint(project):
        project.ui.warn(hint)
    name = project.config.proxy_service
    grace = project.grace(name)
    if project.engine.running(name) and reachable(project.proxy, tries=3):
        if not reload.missing_mounts(project):
            return reload.apply(project, reload.wanted_or_stored(project))
        grace = LAST_REQUESTS
        project.ui.warn("the proxy gets a new container, for its new folder: until it is up nobody is served")
    files = reload.wanted_or_stored(project, anew=True)
    reload.store(project, files)
    noting.up(project, name, project.blue_env(), grace)
    reload.mark_loaded(project, files)
    under_way = adoption_file.read(project.state_dir)
    public = [under_way.temporary.get(each, each) if under_way else each for each in slots.public(project)]
    return f"listens on {' and '.join(public)}"


def stop_surplus(project: Project) -> list[Step]:
    """Stops replicas that bgctl.toml does not have any more, once the proxy does not know them any more."""
    more = [name for slot in SLOTS for name in slots.surplus(project, slot)]
    if not more:
        return []

    def stop() -> str:
        slots.remove(project, more)
        return f"{', '.join(more)} stopped"

    return [Step(name="surplus", what="stop replicas that bgctl.toml has no more", do=stop)]


def await_routing(project: Project) -> str:
    now, name = project.state(), project.config.proxy_service
    try:
        project.proxy.wait_applied(now.generation, START, lambda: project.engine.dead(name))
    except Failed as error:
        raise Failed(error.what, error.why, error.next, project.engine.logs(name)) from None
    for name, each in sum_of_proxies.by_node(reachable(project.proxy)).items():
        if each.drain:
            project.ui.warn(node.line(each, project.now(), name))
    if now.gate:
        project.ui.warn(f"{gate.describe(now.gate, project.now())}; next: {gate.opener(now.gate)}")
    return f"generation {now.generation}: {slots.describe(now)}"
