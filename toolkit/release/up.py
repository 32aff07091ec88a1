"""`bgctl up`: from nothing, or after a reboot, to what the state says."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from session_api import key_files
from toolkit import slots
from toolkit.checks import env_versions, key_ring, preflight
from toolkit.checks.looks import WITH_COMPOSE, Looks, Problems, is_fault
from toolkit.checks.preflight import Preflight
from toolkit.clients.proxy import reachable
from toolkit.config import SLOTS, public_url
from toolkit.engine.compose import STARTED, Compose
from toolkit.engine.dependencies import Dependency
from toolkit.errors import Failed, caught, together
from toolkit.files import disk
from toolkit.files import engine_file as enginefile
from toolkit.health import check as health_check
from toolkit.project import Project
from toolkit.release import builds, depends, down
from toolkit.release.steps import Step, walk
from toolkit.rendering import reload, tls_files
from toolkit.state import gate, transitions
from toolkit.state.document import State

STORE = "BGCTL_STORE"  # the variable that tells the session API where it keeps sessions
TRIAL = ("preview", "canary")  # phases in which green has yet to prove itself
# What has served people has to come back, also with a broken env file, with keys that are not whole, on a
# full disk, and with a compose file that no release could begin with: after the first start these only warn.
LENIENT = ("env file", "keys", "machine", "releases", "dependencies")
START = 20.0  # seconds for a proxy to start and apply the state


def run(project: Project, dry_run: bool = False) -> None:
    project.engine  # noqa: B018  (at boot it is asked for until it answers, which is nothing for the history)
    with project.change("up", dry_run):
        found = steps(project, pull=not dry_run)
        if not dry_run:
            down.forget(project)
        walk(found, project.ui, dry_run)


def farewell(project: Project) -> str:
    """Where the app is now, and what comes next."""
    now = project.state()
    versions = ", ".join(dict.fromkeys(_open(now, SLOTS).values()))
    there = f"{project.config.project.name} {versions} is at {public_url.base(project.config)}"
    if now.phase != "rest":
        return f"{there}; a release is under way: bgctl status"
    return f"{there}; the next release: bgctl deploy {following(versions) or 'VERSION'}"


def following(version: str) -> str:
    """The number after this one; "" where a version is something else, such as a commit."""
    *before, last = version.split(".")
    numbers = [*before, last]
    is_number = all(each.isdecimal() for each in numbers) and len(last) < 7  # or it may be a commit
    return ".".join([*before, str(int(last) + 1)]) if is_number else ""


def steps(project: Project, pull: bool = True) -> list[Step]:
    """Checks first: raises Refused with nothing changed.

    Shared services come last: people are served without them, and must not wait for one that is in trouble.
    """
    target = project.state() if project.adopted else None
    found = check(project, target, pull)
    target = target or _first_state(project)
    return [
        *_build(project, target, found),
        Step(
            "keys",
            "make the keys that are missing, and give each its folder",
            lambda: make_keys(project),
            lambda: keys_wanted(project),
        ),
        Step("folders", "make the folders, let the containers read them", lambda: prepare(project, found)),
        Step(
            "state",
            "adopt what runs today as blue",
            lambda: adopt(project, target),
            lambda: not project.adopted,
        ),
        *_needs(project, target, found, in_service(target)),
        *[_slot(project, slot, version) for slot, version in in_service(target).items()],
        Step("proxy", "start the proxy, or give it the new configuration", lambda: start_proxy(project)),
        Step("routing", "wait until every worker routes by the state", lambda: await_routing(project)),
        *_store(project, found),
        *[step for name in project.config.shared for step in _shared(project, target, name, found)],
        *_needs(project, target, found, on_trial(target)),
        *[_slot(project, slot, version) for slot, version in on_trial(target).items()],
    ]


def _build(project: Project, target: State, found: Compose) -> list[Step]:
    """Before the keys are made: the first build has none to take along."""
    wanted = _to_build(project, target if project.adopted else None, found)
    if not wanted:
        return []
    if project.adopted:
        project.ui.warn(builds.of_what_is_here(project, found, wanted))
    env = project.compose_env(*_versions(project, target))
    what = f"build {', '.join(dict.fromkeys(found.image(name) for name in wanted))}, not here yet"
    return [Step("build", what, lambda: builds.make(project, found, wanted, env))]


def _to_build(project: Project, target: State | None, found: Compose) -> list[str]:
    blue, _ = _versions(project, target)
    rest = target is None or target.phase == "rest"
    return builds.before_start(
        project, found, _services(project, target), blue, rest, lambda: _well(project, target)
    )


def _first_state(project: Project) -> State:
    # A proxy that outlived its state file has seen generations: the next one is new to it.
    running = reachable(project.proxy)
    version = project.env()["CURRENT_VERSION"]
    return transitions.adopt(version, project.now(), after=(running and running.generation) or 0)


def check(project: Project, target: State | None, pull: bool) -> Compose:
    """The compose file. `target`: the state; None: nothing has been started yet.

    Raises Refused with all that is wrong, and nothing changed.
    """
    looks = Looks()
    looks.take("env file", lambda: env_versions.readable_env(project))
    looks.take("version", lambda: env_versions.other_version(project))
    looks.take("certificate", lambda: _proxy_files(project))
    if not keys_wanted(project):
        looks.take("keys", lambda: key_ring.problems(project))
    services, versions = _services(project, target), _versions(project, target)
    wanted = Preflight(project, versions, services, pull, spared=lambda: _well(project, target))
    wanted.take(looks)
    looks.take("dependencies", lambda: _dependencies(project, target, wanted), WITH_COMPOSE)
    if target is None:
        looks.take("images", lambda: _context(project, wanted.compose), WITH_COMPOSE)
    lenient = () if target is None else LENIENT
    faults = [error for name, error in looks.errors if is_fault(error) and name not in lenient]
    if faults:
        raise together(faults)
    found = wanted.compose  # before anything is warned of: it may be refused only now
    for _, error in looks.errors:
        project.ui.warn(error.line)
    return found


def _well(project: Project, target: State | None) -> set[str]:
    """The services that run as they should. They stay, also where their images have gone."""
    if target is None:
        return set()
    well = {"proxy"} if project.engine.running("proxy") and reachable(project.proxy, tries=3) else set()
    slots_of = in_service(target).items()
    serving = [slot for slot, version in slots_of if slots.serves(project, slot, version)]
    return well.union(*(slots.names(project, slot) for slot in serving))


def _proxy_files(project: Project) -> Problems:
    """A certificate, page or listener that will not do is told now."""
    yield from caught(lambda: reload.wanted_or_stored(project))
    if project.adopted and project.engine.running("proxy"):
        yield from caught(lambda: reload.check_listeners(project))
    return ""


def _dependencies(project: Project, target: State | None, wanted: Preflight) -> Problems:
    blue, _ = _versions(project, target)
    return (
        yield from depends.problems(
            project, wanted.compose, _services(project, target), blue, wanted.pull, builds=True
        )
    )


def _context(project: Project, found: Compose) -> Problems:
    """Keys that are here before the first start: `bgctl keys init` has made them."""
    yield from caught(lambda: builds.check_context(project, found, _to_build(project, None, found)))
    return ""


def _versions(project: Project, target: State | None) -> tuple[str, str]:
    if target is None:
        current = env_versions.current(project)
        return current, current
    blue = target.slots.blue.version or ""
    return blue, target.slots.green.version or blue


def _services(project: Project, target: State | None) -> list[str]:
    if target is None:
        return preflight.all_services(project)
    # What is shared must not keep the rest from coming back: see start_shared.
    return ["proxy", *[name for slot in in_service(target) for name in slots.names(project, slot)]]


def in_service(target: State) -> dict[str, str]:
    """The slots without which people are not served, with their versions; a candidate can wait."""
    return _open(target, SLOTS if target.phase not in TRIAL else ("blue",))


def on_trial(target: State) -> dict[str, str]:
    """A green that must not keep the rest from coming back."""
    return _open(target, ("green",)) if target.phase in TRIAL else {}


def _open(target: State, names: Sequence[str]) -> dict[str, str]:
    found = {name: target.slots[name] for name in names}
    return {name: slot.version for name, slot in found.items() if slot.version and slot.state != "maint"}


def keys_wanted(project: Project) -> bool:
    from session_api import keyring

    keys = project.keys_dir
    wanted = keyring.missing(keys) or key_files.unmoved(keys) or key_files.half_moved(keys)
    return not key_ring.exists(project) or bool(wanted)


def make_keys(project: Project) -> str:
    try:
        return _make_keys(project)
    except OSError as error:
        raise disk.unwritten(project.keys_dir, error) from None


def _make_keys(project: Project) -> str:
    from session_api import keyring

    moved = keyring.move(project.keys_dir, owner=project.owner)
    if key_ring.exists(project):
        made = keyring.complete(project.keys_dir, owner=project.owner)
        parts = [f"{did} {', '.join(names)}" for did, names in (("moved", moved), ("made", made)) if names]
        return f"{'; '.join(parts)} in {project.keys_dir.name}/"
    key = keyring.create(project.keys_dir, owner=project.owner)
    return f"made {key.kid} ({key.alg}) in {project.keys_dir.name}/; keep a copy"


def prepare(project: Project, found: Compose) -> str:
    made = make_folders(project)
    depends.note(project, found)
    return made


def make_folders(project: Project) -> str:
    try:
        return _make_folders(project)
    except OSError as error:
        raise disk.unwritten(project.root, error, "cannot be given its folders") from None


def _make_folders(project: Project) -> str:
    """Modes are set whatever the umask: the containers run as another user."""
    for path in (project.state_dir, project.proxy_dir):
        path.mkdir(exist_ok=True)
        path.chmod(0o755)
    enginefile.write(project.engine_path, project.engine.name)
    project.data_dir.mkdir(exist_ok=True)
    project.data_dir.chmod(0o750)  # it holds e-mail addresses
    (project.data_dir / "redis").mkdir(exist_ok=True)  # or the engine makes it, for root
    tls_files.make_folders(project)
    if (group := project.engine.group) is not None:
        _own(project.data_dir, group, group)
        _own(project.keys_dir, -1, group)
    return "state/ proxy/ keys/ data/"


def _own(folder: Path, uid: int, gid: int) -> None:
    try:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, uid, gid, follow_symlinks=False)
    except OSError as error:
        raise disk.unwritten(folder, error, "cannot be given to the containers") from None


def adopt(project: Project, target: State) -> str:
    project.save(target)
    return f"blue is {target.slots.blue.version}, generation {target.generation}"


def _needs(project: Project, target: State, found: Compose, versions: dict[str, str]) -> list[Step]:
    """What these slots depend on. Within a release nothing is migrated: both versions have been at work."""
    services = [name for slot in versions for name in slots.names(project, slot)]
    blue = target.slots.blue.version or ""
    return depends.steps(project, found, services, blue, once=lambda: _starts(project, target, blue))


def _starts(project: Project, target: State, blue: str) -> bool:
    """Whether blue has yet to be started, at rest."""
    return target.phase == "rest" and not (project.adopted and slots.serves(project, "blue", blue))


def _shared(project: Project, target: State, name: str, found: Compose) -> list[Step]:
    blue, starts = target.slots.blue.version or "", lambda: not project.engine.running(name)
    own = Step(name, f"start {name}", lambda: start_shared(project, name, found))
    return [*depends.steps(project, found, [name], blue, once=starts), own]


def _store(project: Project, found: Compose) -> list[Step]:
    """BGCTL_STORE may name a service of the compose file, such as redis: then it is started like the rest."""
    named = [each.service for each in depends.plan(project, found, project.config.shared)]
    return [
        Step("store", f"start {name}", lambda name=name: start_store(project, name))  # type: ignore[misc]
        for name in stores(project, found)
        if name in found.services and name not in named
    ]


def stores(project: Project, found: Compose) -> list[str]:
    """The hosts that the shared services' BGCTL_STORE names, as the compose command has read it."""
    told = [found.services[name].variable(STORE) for name in project.config.shared]
    return list(dict.fromkeys(host for url in told if url and (host := host_of(url))))


def host_of(url: str) -> str | None:
    """None where it names none, or cannot be read: the session API says so in its own words."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _slot(project: Project, slot: str, version: str) -> Step:
    what = f"start {slot} on {version}"
    return Step(f"start-{slot}", what, lambda: start_slot(project, slot, version))


def start_slot(project: Project, slot: str, version: str) -> str:
    note = slots.start(project, slot, version)
    if slot == "green":
        slots.watch_over(project, project.state())
    return note


def start_shared(project: Project, name: str, found: Compose | None = None) -> str:
    """`found` is the compose file; None: it is still to be read."""
    service = project.config.shared[name]
    blue = project.state().slots.blue.version or ""
    env = project.compose_env(blue, blue)
    address, check = service.at("address"), health_check.of(project.config, name)
    ours = address == project.config.sessions.address
    found = found or project.compose(env)
    store = found.services[name].variable(STORE)
    told = {**env, STORE: store} if store else env  # a store that is another one now is noticed
    well = project.engine.running(name, told) and slots.answers(project, name, check, None)
    if not well or (ours and project.sessions.refuses_us()):  # it may have mounted a key that is gone
        builds.provide(project, found, name, env)
        slots.check_port(project, name, address)
        project.engine.up(name, env, project.grace(name))
    slots.prove_service(project, name, check, None)
    if ours and project.sessions.refuses_us():
        why = f"its container has mounted another one: write ./keys/admin:/keys/admin:ro for {name}"
        mend = f"edit {project.compose_path.name}, then: bgctl up"
        raise Failed(f"{name} refuses our admin key", why, mend)
    return f"{name} is healthy"


def start_store(project: Project, name: str) -> str:
    """Whether it is healthy, the session API tells."""
    if project.engine.running(name):
        return f"{name} runs already"
    if name not in project.engine.containers():
        blue = project.state().slots.blue.version or ""
        env = project.compose_env(blue, blue)
        builds.provide(project, project.compose(env), name, env)
    return depends.start(project, Dependency(name, STARTED, "session-api"))


def start_proxy(project: Project) -> str:
    """A proxy that does not answer cannot be reloaded, and may be dying of what it has loaded: a new one."""
    files = reload.wanted_or_stored(project)
    if project.engine.running("proxy") and reachable(project.proxy, tries=3):
        return reload.apply(project, files)
    reload.store(project, files)
    blue = project.state().slots.blue.version or ""
    project.engine.up("proxy", project.compose_env(blue, blue), project.grace("proxy"))
    reload.mark_loaded(project, files)
    return f"listens on {' and '.join(slots.public(project))}"


def await_routing(project: Project) -> str:
    now = project.state()
    try:
        project.proxy.wait_applied(now.generation, START, lambda: project.engine.dead("proxy"))
    except Failed as error:
        raise Failed(error.what, error.why, error.next, project.engine.logs("proxy")) from None
    if now.gate:
        project.ui.warn(f"{gate.describe(now.gate, project.now())}; next: {gate.opener(now.gate)}")
    return f"generation {now.generation}: {slots.describe(now)}"
