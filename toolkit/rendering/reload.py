"""Gives a running proxy its new configuration: tests it under another name, then stores and loads it."""

import json
import re
from collections.abc import Callable, Iterable

from toolkit.clients.proxy import reachable
from toolkit.clients.proxy_status import Status
from toolkit.engine import folder_mounts, ports
from toolkit.errors import Failed, Refused
from toolkit.files import adoption_file, atomic
from toolkit.project import Project
from toolkit.rendering import (
    adoption,
    capacity,
    certificates,
    complaint,
    passwords,
    render,
    settings_json,
    shared_memory,
    tls_files,
)
from toolkit.rendering.certificates import Loaded

CANDIDATE = "nginx.conf.new"
LOADED = ".loaded"  # has the digest of what the running proxy was last told to load
ANEW = "bgctl up   (a new container: nobody is served for some seconds)"
NOTHING = "runs with this configuration already"
RELOAD_SECONDS = 15  # for new workers to replace the old ones


def run(project: Project, dry_run: bool = False, wait: float = 0) -> str | None:
    """`bgctl reload`: returns a note of what was done, or None if there was nothing to do.

    Raises Refused, with nothing changed, if the proxy would not take the configuration. Waits at most `wait`
    seconds for another bgctl.
    """
    files, loaded = wanted(project)
    if not (project.engine.running(project.config.proxy_service) and reachable(project.proxy, tries=3)):
        raise Refused("the proxy does not run", "only a running one can be reloaded", "bgctl up")
    waits = shared_memory.WAITS if is_resized(project) else ""
    if is_loaded(project, files):
        if waits and project.ui.watched:
            project.ui.warn(waits)
        return None
    if lacking := missing_mounts(project):
        why = f"it does not mount {', '.join(line.partition(':')[0] for line in lacking)}"
        raise Refused("the proxy's container lacks a folder", why, ANEW)
    check_listeners(project)
    tls = "".join(f", certificate of {each.found}" for each in loaded)
    if dry_run:
        return "; ".join(filter(None, [f"would test and load the new configuration{tls}", waits]))
    with project.change("reload", wait=wait):
        return "; ".join(filter(None, [f"{apply(project, files)}{tls}", waits]))


def wanted(project: Project, anew: bool = False) -> tuple[dict[str, bytes], list[Loaded]]:
    """What belongs in proxy/, name to content. Raises Refused if a certificate or a page is no good.

    `anew` is for a new container: shared memory has the sizes of bgctl.toml, and not those that it has.
    """
    loaded = tls_files.wanted(project)
    names = {each.source.setting: tls_files.name_of(each.found) for each in loaded}
    pems = {tls_files.name_of(each.found): each.found.pem for each in loaded}
    usual = names.pop("tls", "")
    expiries = certificates.expiries(loaded)
    files = render.files(project.config, project.root, usual, names, expiries, project.hosts)
    conf = adoption.moved(files["nginx.conf"].decode(), adoption_file.read(project.state_dir))
    if not anew:
        conf = shared_memory.kept(conf, _running(project))
    return {**pems, **files, "nginx.conf": conf.encode()}, loaded


def _running(project: Project) -> str:
    """The nginx.conf with which the proxy runs, if it does."""
    return stored(project, ["nginx.conf"]).get("nginx.conf", b"").decode()


def is_resized(project: Project) -> bool:
    """Whether the sizes of shared memory in bgctl.toml wait for a new container."""
    carries = capacity.of(project.config.proxy, capacity.this_machine())
    return shared_memory.differ(_running(project), carries.shared)


def wanted_or_stored(project: Project, anew: bool = False) -> dict[str, bytes]:
    """What `bgctl up` starts the proxy with: what is wanted, or else what the proxy had before.

    A machine that is started again in the middle of a certificate's renewal must not be without its proxy.
    Raises Refused if neither will do.
    """
    try:
        return wanted(project, anew)[0]
    except Refused as error:
        conf = _running(project)
        pems = re.findall(rf"/({tls_files.FOLDER}/[^/;]+\.pem);", conf)
        secret = re.findall(rf"/({passwords.FOLDER}/[0-9a-f]+)\"", conf)
        names = list(dict.fromkeys([*render.NAMES, *pems, *secret]))
        old = stored(project, names)
        if len(old) < len(names) or project.engine.running(project.config.proxy_service):
            raise
        project.ui.warn(f"{error}; the proxy starts with what it had; next: {error.next or 'bgctl reload'}")
        return old


def missing_mounts(project: Project) -> list[str]:
    """What the proxy's container does not mount and bgctl.toml wants, as lines of a compose file."""
    if not (project.config.folders or project.config.kept):
        return []
    found = project.engine.look(project.config.proxy_service)
    targets = {mount.target for mount in (found.mounts or [])} if found else set()
    return folder_mounts.missing(project.config, targets) if found else []


def check_listeners(project: Project) -> None:
    """Raises Refused if a new address is taken: nginx would go on with its old configuration."""
    now = _running(project)
    under_way = adoption_file.read(project.state_dir)
    for name, address in project.config.listeners:
        if under_way and address in under_way.pending:
            continue
        if now and not re.search(rf"listen {re.escape(address)}[ ;]", now):
            ports.check_allowed(name, address)
            if not ports.is_free(address, apart=project.config.apart(address)):
                why = f"{name} in bgctl.toml"
                raise Refused(f"{address} is taken by {ports.holder(address)}", why, "name another port")


def check_peers(project: Project) -> None:
    """Raises Refused if the proxy checks the slots' health in an old way: it could find a good slot down.

    That a node has joined, or has left, is no reason: there may be another spare, or one less.
    """
    try:
        told = json.loads((project.proxy_dir / "settings.json").read_bytes()).get("peers") or []
    except (OSError, ValueError):
        return  # `bgctl up` has not been here yet, or will write the file anew.
    if [each for each in told if "node" not in each] != settings_json.peers(project.config):
        why = "[services.*] in bgctl.toml is not what it has loaded"
        raise Refused("the proxy asks slots for their health otherwise", why, command(project))


def command(project: Project) -> str:
    """The one that gives the proxy what bgctl.toml says by now; those of a swarm are replaced."""
    return "bgctl up" if project.config.project.engine.several_hosts else "bgctl reload"


def is_loaded(project: Project, files: dict[str, bytes]) -> bool:
    """Whether `files` are on disk, and were loaded by the proxy."""
    return stored(project, files) == files and loaded(project) == render.digest(files)


def apply(project: Project, files: dict[str, bytes]) -> str:
    """Tests `files`, stores them, and has the proxy load them; returns a note.

    Raises Refused or Failed with the old configuration in place and in service.
    """
    if is_loaded(project, files):
        return NOTHING
    old = stored(project, files)
    prepare(project, files)
    test(project, files["nginx.conf"])
    store(project, files)
    try:
        replace_workers(project)
    except Failed as error:
        store(project, old)
        (project.proxy_dir / LOADED).unlink(missing_ok=True)  # The proxy may still load the new files.
        lines = project.engine.logs(project.config.proxy_service, 5)
        raise Failed(error.what, error.why, error.next, lines) from None
    mark_loaded(project, files)
    return "took the new configuration"


def prepare(project: Project, files: dict[str, bytes]) -> None:
    """Writes the files that nginx.conf will name; before it does, they change nothing."""
    tls_files.make_folders(project)
    tls_files.make_quic_key(project)
    passwords.make_folder(project)
    for name in _pems(files):
        tls_files.write(project, name, files[name])


def test(project: Project, conf: bytes) -> None:
    """Has nginx test an nginx.conf (`nginx -t`). Raises Refused with what nginx says."""
    candidate, name = project.proxy_dir / CANDIDATE, project.config.proxy_service
    atomic.write(candidate, conf)
    try:
        project.engine.exec(name, "/opt/bgctl/proxy", "-t", "-c", f"/etc/bgctl/{CANDIDATE}")
    except Failed as error:
        raise complaint.refusal(error.why, conf.decode()) from None
    finally:
        candidate.unlink(missing_ok=True)


def replace_workers(project: Project) -> None:
    """Sends SIGHUP to nginx, and waits until new workers have replaced all of today's. Raises Failed."""
    name = project.config.proxy_service
    is_done = replaced({worker.pid for worker in project.proxy.status().live})
    project.engine.signal(name, "HUP")
    project.proxy.wait_until(
        is_done, "load the new configuration", RELOAD_SECONDS, lambda: project.engine.dead(name)
    )


def replaced(before: set[int]) -> Callable[[Status], bool]:
    """Whether new workers are there in the place of those with these process ids."""

    def is_done(status: Status) -> bool:
        pids = {worker.pid for worker in status.live}
        return len(pids) >= status.expected and not pids & before

    return is_done


def store(project: Project, files: dict[str, bytes]) -> None:
    """Puts the files into proxy/: certificates first, because nginx.conf names them."""
    project.proxy_dir.mkdir(exist_ok=True)
    prepare(project, files)
    for name in files.keys() - _pems(files):
        atomic.write(project.proxy_dir / name, files[name])


def stored(project: Project, names: Iterable[str]) -> dict[str, bytes]:
    """Of `names`, the files that are in proxy/: name to content."""
    paths = {name: project.proxy_dir / name for name in names}
    return {name: path.read_bytes() for name, path in paths.items() if path.exists()}


def loaded(project: Project) -> str | None:
    """The digest of what the proxy has loaded; None if that is not known."""
    try:
        return (project.proxy_dir / LOADED).read_text()
    except OSError:
        return None


def mark_loaded(project: Project, files: dict[str, bytes]) -> None:
    """Notes that the proxy has loaded `files`. A run that is killed before this loads them again."""
    atomic.write(project.proxy_dir / LOADED, render.digest(files).encode())
    tls_files.prune(project, _pems(files))
    passwords.prune(project, _pems(files))


def _pems(files: dict[str, bytes]) -> set[str]:
    """The names of files with a certificate and its key, or with passwords."""
    return files.keys() - set(render.NAMES)
