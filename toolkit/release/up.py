"""`bgctl up`: from nothing, or after a reboot, to what the state says."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from session_api import key_files
from toolkit import enginefile, gate, key_mounts, slots, state
from toolkit.compose import STARTED, Compose
from toolkit.config import SLOTS
from toolkit.dependencies import Dependency
from toolkit.errors import Failed, Refused
from toolkit.proxy import reachable
from toolkit.release import certificates, depends, reload
from toolkit.release.steps import Step, walk
from toolkit.site import Site
from toolkit.state import State

TRIAL = ("preview", "canary")  # phases in which green has yet to prove itself
START = 20.0  # seconds for a proxy to start and apply the state


def run(site: Site, dry_run: bool = False) -> None:
    site.engine  # noqa: B018  (at boot it is asked for until it answers, which is nothing for the history)
    with site.change("up", dry_run):
        walk(steps(site, pull=not dry_run), site.ui, dry_run)


def steps(site: Site, pull: bool = True) -> list[Step]:
    """Checks first: raises Refused with nothing changed.

    Shared services come last: people are served without them, and must not wait for one that is in trouble.
    """
    target = site.state() if site.state_path.exists() else _first_state(site)
    found = check(site, target, pull)
    return [
        Step(
            "keys",
            "make the keys that are missing, and give each its folder",
            lambda: make_keys(site),
            lambda: keys_wanted(site),
        ),
        Step("folders", "make the folders, let the containers read them", lambda: make_folders(site, found)),
        Step(
            "state", "adopt what runs today as blue", lambda: adopt(site, target), lambda: not adopted(site)
        ),
        *_needs(site, target, found, in_service(target)),
        *[_slot(site, slot, version) for slot, version in in_service(target).items()],
        Step("proxy", "start the proxy, or give it the new configuration", lambda: start_proxy(site)),
        Step("routing", "wait until every worker routes by the state", lambda: await_routing(site)),
        *_store(site, found),
        *[step for name in site.config.shared for step in _shared(site, target, name, found)],
        *_needs(site, target, found, on_trial(target)),
        *[_slot(site, slot, version) for slot, version in on_trial(target).items()],
    ]


def _first_state(site: Site) -> State:
    version = site.env().get("CURRENT_VERSION")
    if not version:
        why = "it names the version that runs today; write CURRENT_VERSION=..."
        raise Refused(f"{site.env_path.name} has no CURRENT_VERSION", why, f"edit {site.env_path.name}")
    # A proxy that outlived its state file has seen generations: the next one is new to it.
    running = reachable(site.proxy)
    return state.adopt(version, site.now(), after=(running and running.generation) or 0)


def check(site: Site, target: State, pull: bool) -> Compose:
    """The compose file. Raises Refused with nothing changed."""
    wanted, blue = site.env().get("CURRENT_VERSION"), target.slots.blue.version
    if target.phase == "rest" and wanted and wanted != blue:
        why = f"blue serves {blue}; a new version is a release"
        raise Refused(f"CURRENT_VERSION is {wanted} in {site.env_path.name}", why, f"bgctl up-green {wanted}")
    reload.wanted_or_stored(site)  # a certificate or page that will not do is told now
    if site.engine.running("proxy"):
        reload.check_listeners(site)
    versions = in_service(target)
    in_slots = [name for slot in versions for name in slots.names(site, slot)]
    services = ["proxy", *in_slots]
    if not adopted(site):  # later on, they must not keep the rest from coming back: see start_shared
        services += site.config.shared
    env = site.compose_env(blue or "", target.slots.green.version or blue or "")
    found = site.compose(env)
    mounts = list(key_mounts.of(found, site.root, site.keys_dir))
    key_mounts.check(mounts, site.keys_dir, site.compose_path, moves=True)
    if advice := key_mounts.advice(mounts, site.compose_path):
        site.ui.warn(f"a key that is replaced is not noticed before its container is: {advice}")
    slots.check_images(site, found, services, pull)
    depends.check(site, found, services, blue or "", pull)
    for service, address in slots.addresses(site, versions):
        if service in services:
            slots.check_port(site, service, address)
    return found


def in_service(target: State) -> dict[str, str]:
    """The slots without which people are not served, with their versions; a candidate can wait."""
    return _open(target, SLOTS if target.phase not in TRIAL else ("blue",))


def on_trial(target: State) -> dict[str, str]:
    """A green that must not keep the rest from coming back."""
    return _open(target, ("green",)) if target.phase in TRIAL else {}


def _open(target: State, names: Sequence[str]) -> dict[str, str]:
    found = {name: target.slots[name] for name in names}
    return {name: slot.version for name, slot in found.items() if slot.version and slot.state != "maint"}


def keys_exist(site: Site) -> bool:
    return (site.keys_dir / "verify" / "keyring.json").exists()


def keys_wanted(site: Site) -> bool:
    from session_api import keyring

    keys = site.keys_dir
    wanted = keyring.missing(keys) or key_files.unmoved(keys) or key_files.half_moved(keys)
    return not keys_exist(site) or bool(wanted)


def make_keys(site: Site) -> str:
    try:
        return _make_keys(site)
    except OSError as error:
        raise Failed(f"{site.keys_dir} could not be written", str(error), "bgctl doctor") from None


def _make_keys(site: Site) -> str:
    from session_api import keyring

    moved = keyring.move(site.keys_dir, owner=site.owner)
    if keys_exist(site):
        made = keyring.complete(site.keys_dir, owner=site.owner)
        parts = [f"{did} {', '.join(names)}" for did, names in (("moved", moved), ("made", made)) if names]
        return f"{'; '.join(parts)} in {site.keys_dir.name}/"
    key = keyring.create(site.keys_dir, owner=site.owner)
    return f"made {key.kid} ({key.alg}) in {site.keys_dir.name}/; keep a copy"


def make_folders(site: Site, found: Compose) -> str:
    """Modes are set whatever the umask: the containers run as another user."""
    for path in (site.state_dir, site.proxy_dir):
        path.mkdir(exist_ok=True)
        path.chmod(0o755)
    enginefile.write(site.engine_path, site.engine.name)
    depends.note(site, found)
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
        raise Failed(f"{folder} cannot be given to the containers", str(error), "bgctl doctor") from None


def adopted(site: Site) -> bool:
    return site.state_path.exists()


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
    return target.phase == "rest" and not (adopted(site) and slots.serves(site, "blue", blue))


def _shared(site: Site, target: State, name: str, found: Compose) -> list[Step]:
    blue, starts = target.slots.blue.version or "", lambda: not site.engine.running(name)
    own = Step(name, f"start {name}", lambda: start_shared(site, name))
    return [*depends.steps(site, found, [name], blue, once=starts), own]


def _store(site: Site, found: Compose) -> list[Step]:
    """BGCTL_STORE may name a service of the compose file, such as redis: then it is started like the rest."""
    name = urlsplit(site.env().get("BGCTL_STORE", "")).hostname
    named = [each.service for each in depends.plan(site, found, site.config.shared)]
    if name not in found.services or name in named:
        return []
    return [Step("store", f"start {name}", lambda: start_store(site, name))]


def _slot(site: Site, slot: str, version: str) -> Step:
    what = f"start {slot} on {version}"
    return Step(f"start-{slot}", what, lambda: start_slot(site, slot, version))


def start_slot(site: Site, slot: str, version: str) -> str:
    note = slots.start(site, slot, version)
    if slot == "green":
        slots.watch_over(site, site.state())
    return note


def start_shared(site: Site, name: str) -> str:
    service = site.config.shared[name]
    blue = site.state().slots.blue.version or ""
    env = site.compose_env(blue, blue)
    address = service.at("address")
    if not (site.engine.running(name, env) and slots.answers(address, service.health, None)):
        slots.check_images(site, site.compose(env), [name], pull=True)
        slots.check_port(site, name, address)
        site.engine.up(name, env)
    slots.prove_service(site, name, address, service.health, None)
    return f"{name} is healthy"


def start_store(site: Site, name: str) -> str:
    """Whether it is healthy, the session API tells."""
    if site.engine.running(name):
        return f"{name} runs already"
    if name not in site.engine.containers():
        blue = site.state().slots.blue.version or ""
        slots.check_images(site, site.compose(site.compose_env(blue, blue)), [name], pull=True)
    return depends.start(site, Dependency(name, STARTED, "session-api"))


def start_proxy(site: Site) -> str:
    """A proxy that does not answer cannot be reloaded, and may be dying of what it has loaded: a new one."""
    files = reload.wanted_or_stored(site)
    if site.engine.running("proxy") and reachable(site.proxy, tries=3):
        return reload.apply(site, files)
    reload.store(site, files)
    blue = site.state().slots.blue.version or ""
    site.engine.up("proxy", site.compose_env(blue, blue))
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
