"""`bgctl up`: from nothing, or after a reboot, to what the state says."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from session_api import key_files
from toolkit import slots
from toolkit.checks import preflight
from toolkit.checks.preflight import Looks, Preflight
from toolkit.clients.proxy import reachable
from toolkit.config import SLOTS
from toolkit.engine.compose import STARTED, Compose
from toolkit.engine.dependencies import Dependency
from toolkit.errors import Failed, caught, together
from toolkit.files import disk
from toolkit.files import engine_file as enginefile
from toolkit.health import check as health_check
from toolkit.project import Site
from toolkit.release import builds, depends, down
from toolkit.release import preview_link as link
from toolkit.release.steps import Step, walk
from toolkit.rendering import reload
from toolkit.rendering import tls_files as certificates
from toolkit.state import document as state
from toolkit.state import gate
from toolkit.state.document import State

STORE = "BGCTL_STORE"  # the variable that tells the session API where it keeps sessions
TRIAL = ("preview", "canary")  # phases in which green has yet to prove itself
# What has served people has to come back, also with a broken env file, with keys that are not whole, on a
# full disk, and with a compose file that no release could begin with: after the first start these only warn.
LENIENT = ("env file", "keys", "machine", "releases", "dependencies")
START = 20.0  # seconds for a proxy to start and apply the state


def run(site: Site, dry_run: bool = False) -> None:
    site.engine  # noqa: B018  (at boot it is asked for until it answers, which is nothing for the history)
    with site.change("up", dry_run):
        found = steps(site, pull=not dry_run)
        if not dry_run:
            down.forget(site)
        walk(found, site.ui, dry_run)


def farewell(site: Site) -> str:
    """Where the app is now, and what comes next."""
    now = site.state()
    versions = ", ".join(dict.fromkeys(_open(now, SLOTS).values()))
    there = f"{site.config.project.name} {versions} is at {link.base(site.config)}"
    if now.phase != "rest":
        return f"{there}; a release is under way: bgctl status"
    return f"{there}; the next release: bgctl deploy {following(versions) or 'VERSION'}"


def following(version: str) -> str:
    """The number after this one; "" where a version is something else, such as a commit."""
    *before, last = version.split(".")
    numbers = [*before, last]
    is_number = all(each.isdecimal() for each in numbers) and len(last) < 7  # or it may be a commit
    return ".".join([*before, str(int(last) + 1)]) if is_number else ""


def steps(site: Site, pull: bool = True) -> list[Step]:
    """Checks first: raises Refused with nothing changed.

    Shared services come last: people are served without them, and must not wait for one that is in trouble.
    """
    target = site.state() if site.adopted else None
    found = check(site, target, pull)
    target = target or _first_state(site)
    return [
        *_build(site, target, found),
        Step(
            "keys",
            "make the keys that are missing, and give each its folder",
            lambda: make_keys(site),
            lambda: keys_wanted(site),
        ),
        Step("folders", "make the folders, let the containers read them", lambda: prepare(site, found)),
        Step("state", "adopt what runs today as blue", lambda: adopt(site, target), lambda: not site.adopted),
        *_needs(site, target, found, in_service(target)),
        *[_slot(site, slot, version) for slot, version in in_service(target).items()],
        Step("proxy", "start the proxy, or give it the new configuration", lambda: start_proxy(site)),
        Step("routing", "wait until every worker routes by the state", lambda: await_routing(site)),
        *_store(site, found),
        *[step for name in site.config.shared for step in _shared(site, target, name, found)],
        *_needs(site, target, found, on_trial(target)),
        *[_slot(site, slot, version) for slot, version in on_trial(target).items()],
    ]


def _build(site: Site, target: State, found: Compose) -> list[Step]:
    """Before the keys are made: the first build has none to take along."""
    wanted = _to_build(site, target if site.adopted else None, found)
    if not wanted:
        return []
    if site.adopted:
        site.ui.warn(builds.of_what_is_here(site, found, wanted))
    env = site.compose_env(*_versions(site, target))
    what = f"build {', '.join(dict.fromkeys(found.image(name) for name in wanted))}, not here yet"
    return [Step("build", what, lambda: builds.make(site, found, wanted, env))]


def _to_build(site: Site, target: State | None, found: Compose) -> list[str]:
    blue, _ = _versions(site, target)
    rest = target is None or target.phase == "rest"
    return builds.before_start(site, found, _services(site, target), blue, rest, lambda: _well(site, target))


def _first_state(site: Site) -> State:
    # A proxy that outlived its state file has seen generations: the next one is new to it.
    running = reachable(site.proxy)
    version = site.env()["CURRENT_VERSION"]
    return state.adopt(version, site.now(), after=(running and running.generation) or 0)


def check(site: Site, target: State | None, pull: bool) -> Compose:
    """The compose file. `target`: the state; None: nothing has been started yet.

    Raises Refused with all that is wrong, and nothing changed.
    """
    looks = Looks()
    looks.take("env file", lambda: preflight.readable_env(site))
    looks.take("version", lambda: preflight.other_version(site))
    looks.take("certificate", lambda: _proxy_files(site))
    if not keys_wanted(site):
        looks.take("keys", lambda: preflight.keys(site))
    services, versions = _services(site, target), _versions(site, target)
    wanted = Preflight(site, versions, services, pull, spared=lambda: _well(site, target))
    wanted.take(looks)
    looks.take("dependencies", lambda: _dependencies(site, target, wanted), preflight.WITH_COMPOSE)
    if target is None:
        looks.take("images", lambda: _context(site, wanted.compose), preflight.WITH_COMPOSE)
    lenient = () if target is None else LENIENT
    faults = [error for name, error in looks.errors if preflight.is_fault(error) and name not in lenient]
    if faults:
        raise together(faults)
    found = wanted.compose  # before anything is warned of: it may be refused only now
    for _, error in looks.errors:
        site.ui.warn(error.line)
    return found


def _well(site: Site, target: State | None) -> set[str]:
    """The services that run as they should. They stay, also where their images have gone."""
    if target is None:
        return set()
    well = {"proxy"} if site.engine.running("proxy") and reachable(site.proxy, tries=3) else set()
    slots_of = in_service(target).items()
    serving = [slot for slot, version in slots_of if slots.serves(site, slot, version)]
    return well.union(*(slots.names(site, slot) for slot in serving))


def _proxy_files(site: Site) -> preflight.Problems:
    """A certificate, page or listener that will not do is told now."""
    yield from caught(lambda: reload.wanted_or_stored(site))
    if site.adopted and site.engine.running("proxy"):
        yield from caught(lambda: reload.check_listeners(site))
    return ""


def _dependencies(site: Site, target: State | None, wanted: Preflight) -> preflight.Problems:
    blue, _ = _versions(site, target)
    return (
        yield from depends.problems(
            site, wanted.compose, _services(site, target), blue, wanted.pull, builds=True
        )
    )


def _context(site: Site, found: Compose) -> preflight.Problems:
    """Keys that are here before the first start: `bgctl keys init` has made them."""
    yield from caught(lambda: builds.check_context(site, found, _to_build(site, None, found)))
    return ""


def _versions(site: Site, target: State | None) -> tuple[str, str]:
    if target is None:
        current = preflight.current(site)
        return current, current
    blue = target.slots.blue.version or ""
    return blue, target.slots.green.version or blue


def _services(site: Site, target: State | None) -> list[str]:
    if target is None:
        return preflight.all_services(site)
    # What is shared must not keep the rest from coming back: see start_shared.
    return ["proxy", *[name for slot in in_service(target) for name in slots.names(site, slot)]]


def in_service(target: State) -> dict[str, str]:
    """The slots without which people are not served, with their versions; a candidate can wait."""
    return _open(target, SLOTS if target.phase not in TRIAL else ("blue",))


def on_trial(target: State) -> dict[str, str]:
    """A green that must not keep the rest from coming back."""
    return _open(target, ("green",)) if target.phase in TRIAL else {}


def _open(target: State, names: Sequence[str]) -> dict[str, str]:
    found = {name: target.slots[name] for name in names}
    return {name: slot.version for name, slot in found.items() if slot.version and slot.state != "maint"}


def keys_wanted(site: Site) -> bool:
    from session_api import keyring

    keys = site.keys_dir
    wanted = keyring.missing(keys) or key_files.unmoved(keys) or key_files.half_moved(keys)
    return not preflight.keys_exist(site) or bool(wanted)


def make_keys(site: Site) -> str:
    try:
        return _make_keys(site)
    except OSError as error:
        raise disk.unwritten(site.keys_dir, error) from None


def _make_keys(site: Site) -> str:
    from session_api import keyring

    moved = keyring.move(site.keys_dir, owner=site.owner)
    if preflight.keys_exist(site):
        made = keyring.complete(site.keys_dir, owner=site.owner)
        parts = [f"{did} {', '.join(names)}" for did, names in (("moved", moved), ("made", made)) if names]
        return f"{'; '.join(parts)} in {site.keys_dir.name}/"
    key = keyring.create(site.keys_dir, owner=site.owner)
    return f"made {key.kid} ({key.alg}) in {site.keys_dir.name}/; keep a copy"


def prepare(site: Site, found: Compose) -> str:
    made = make_folders(site)
    depends.note(site, found)
    return made


def make_folders(site: Site) -> str:
    try:
        return _make_folders(site)
    except OSError as error:
        raise disk.unwritten(site.root, error, "cannot be given its folders") from None


def _make_folders(site: Site) -> str:
    """Modes are set whatever the umask: the containers run as another user."""
    for path in (site.state_dir, site.proxy_dir):
        path.mkdir(exist_ok=True)
        path.chmod(0o755)
    enginefile.write(site.engine_path, site.engine.name)
    site.data_dir.mkdir(exist_ok=True)
    site.data_dir.chmod(0o750)  # it holds e-mail addresses
    (site.data_dir / "redis").mkdir(exist_ok=True)  # or the engine makes it, for root
    certificates.make_folders(site)
    if (group := site.engine.group) is not None:
        _own(site.data_dir, group, group)
        _own(site.keys_dir, -1, group)
    return "state/ proxy/ keys/ data/"


def _own(folder: Path, uid: int, gid: int) -> None:
    try:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, uid, gid, follow_symlinks=False)
    except OSError as error:
        raise disk.unwritten(folder, error, "cannot be given to the containers") from None


def adopt(site: Site, target: State) -> str:
    site.save(target)
    return f"blue is {target.slots.blue.version}, generation {target.generation}"


def _needs(site: Site, target: State, found: Compose, versions: dict[str, str]) -> list[Step]:
    """What these slots depend on. Within a release nothing is migrated: both versions have been at work."""
    services = [name for slot in versions for name in slots.names(site, slot)]
    blue = target.slots.blue.version or ""
    return depends.steps(site, found, services, blue, once=lambda: _starts(site, target, blue))


def _starts(site: Site, target: State, blue: str) -> bool:
    """Whether blue has yet to be started, at rest."""
    return target.phase == "rest" and not (site.adopted and slots.serves(site, "blue", blue))


def _shared(site: Site, target: State, name: str, found: Compose) -> list[Step]:
    blue, starts = target.slots.blue.version or "", lambda: not site.engine.running(name)
    own = Step(name, f"start {name}", lambda: start_shared(site, name, found))
    return [*depends.steps(site, found, [name], blue, once=starts), own]


def _store(site: Site, found: Compose) -> list[Step]:
    """BGCTL_STORE may name a service of the compose file, such as redis: then it is started like the rest."""
    named = [each.service for each in depends.plan(site, found, site.config.shared)]
    return [
        Step("store", f"start {name}", lambda name=name: start_store(site, name))  # type: ignore[misc]
        for name in stores(site, found)
        if name in found.services and name not in named
    ]


def stores(site: Site, found: Compose) -> list[str]:
    """The hosts that the shared services' BGCTL_STORE names, as the compose command has read it."""
    told = [found.services[name].variable(STORE) for name in site.config.shared]
    return list(dict.fromkeys(host for url in told if url and (host := host_of(url))))


def host_of(url: str) -> str | None:
    """None where it names none, or cannot be read: the session API says so in its own words."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _slot(site: Site, slot: str, version: str) -> Step:
    what = f"start {slot} on {version}"
    return Step(f"start-{slot}", what, lambda: start_slot(site, slot, version))


def start_slot(site: Site, slot: str, version: str) -> str:
    note = slots.start(site, slot, version)
    if slot == "green":
        slots.watch_over(site, site.state())
    return note


def start_shared(site: Site, name: str, found: Compose | None = None) -> str:
    """`found` is the compose file; None: it is still to be read."""
    service = site.config.shared[name]
    blue = site.state().slots.blue.version or ""
    env = site.compose_env(blue, blue)
    address, check = service.at("address"), health_check.of(site.config, name)
    ours = address == site.config.sessions.address
    found = found or site.compose(env)
    store = found.services[name].variable(STORE)
    told = {**env, STORE: store} if store else env  # a store that is another one now is noticed
    well = site.engine.running(name, told) and slots.answers(site, name, check, None)
    if not well or (ours and site.sessions.refuses_us()):  # it may have mounted a key that is gone
        builds.provide(site, found, name, env)
        slots.check_port(site, name, address)
        site.engine.up(name, env, site.grace(name))
    slots.prove_service(site, name, check, None)
    if ours and site.sessions.refuses_us():
        why = f"its container has mounted another one: write ./keys/admin:/keys/admin:ro for {name}"
        raise Failed(f"{name} refuses our admin key", why, f"edit {site.compose_path.name}, then: bgctl up")
    return f"{name} is healthy"


def start_store(site: Site, name: str) -> str:
    """Whether it is healthy, the session API tells."""
    if site.engine.running(name):
        return f"{name} runs already"
    if name not in site.engine.containers():
        blue = site.state().slots.blue.version or ""
        env = site.compose_env(blue, blue)
        builds.provide(site, site.compose(env), name, env)
    return depends.start(site, Dependency(name, STARTED, "session-api"))


def start_proxy(site: Site) -> str:
    """A proxy that does not answer cannot be reloaded, and may be dying of what it has loaded: a new one."""
    files = reload.wanted_or_stored(site)
    if site.engine.running("proxy") and reachable(site.proxy, tries=3):
        return reload.apply(site, files)
    reload.store(site, files)
    blue = site.state().slots.blue.version or ""
    site.engine.up("proxy", site.compose_env(blue, blue), site.grace("proxy"))
    reload.mark_loaded(site, files)
    return f"listens on {' and '.join(slots.public(site))}"


def await_routing(site: Site) -> str:
    now = site.state()
    try:
        site.proxy.wait_applied(now.generation, START, lambda: site.engine.dead("proxy"))
    except Failed as error:
        raise Failed(error.what, error.why, error.next, site.engine.logs("proxy")) from None
    if now.gate:
        site.ui.warn(f"{gate.describe(now.gate, site.now())}; next: {gate.opener(now.gate)}")
    return f"generation {now.generation}: {slots.describe(now)}"
