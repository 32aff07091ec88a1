"""A running proxy's new configuration: tested under another name first, then put in place and loaded."""

import json
import re
from collections.abc import Iterable

from toolkit.clients.proxy import Status, reachable
from toolkit.engine import ports
from toolkit.errors import Failed, Refused
from toolkit.files import atomic
from toolkit.project import Project
from toolkit.rendering import render
from toolkit.rendering import tls_files as certificates
from toolkit.rendering.certificate import Certificate

CANDIDATE = "nginx.conf.new"
NOTHING = "runs with this configuration already"


def run(project: Project, dry_run: bool = False, wait: float = 0) -> str | None:
    """`bgctl reload`: a note of what was done, or None where there was nothing to do.

    Raises Refused, with nothing changed, for what the proxy would not take. Waits `wait` s for another bgctl.
    """
    files, certificate = wanted(project)
    if not (project.engine.running("proxy") and reachable(project.proxy, tries=3)):
        raise Refused("the proxy does not run", "only a running one can be reloaded", "bgctl up")
    if is_loaded(project, files):
        return None
    check_listeners(project)
    tls = f", certificate of {certificate}" if certificate else ""
    if dry_run:
        return f"would test and load the new configuration{tls}"
    with project.change("reload", wait=wait):
        return f"{apply(project, files)}{tls}"


def wanted(project: Project) -> tuple[dict[str, bytes], Certificate | None]:
    """What belongs in proxy/, name to content. Raises Refused where a certificate or page is no good."""
    found = certificates.wanted(project)
    if found is None:
        return render.files(project.config, project.root), None
    name = certificates.name_of(found)
    return {name: found.pem, **render.files(project.config, project.root, name)}, found


def wanted_or_stored(project: Project) -> dict[str, bytes]:
    """For `up`: a reboot in the middle of a renewal must not keep the proxy down. Raises Refused."""
    try:
        return wanted(project)[0]
    except Refused as error:
        conf = stored(project, ["nginx.conf"]).get("nginx.conf", b"").decode()
        names = [*render.NAMES, *re.findall(rf"/({certificates.FOLDER}/[^/;]+\.pem);", conf)[:1]]
        old = stored(project, names)
        if len(old) < len(names) or project.engine.running("proxy"):
            raise
        project.ui.warn(f"{error}; the proxy starts with what it had; next: {error.next or 'bgctl reload'}")
        return old


def check_listeners(project: Project) -> None:
    """Raises Refused where the proxy could not listen: it would go on with its old configuration."""
    now = stored(project, ["nginx.conf"]).get("nginx.conf", b"").decode()
    for name, address in project.config.listeners.items():
        if now and not re.search(rf"listen {re.escape(address)}[ ;]", now):
            ports.check_allowed(name, address)
            if not ports.is_free(address):
                why = f"{name} in bgctl.toml"
                raise Refused(f"{address} is taken by {ports.holder(address)}", why, "name another port")


def check_peers(project: Project) -> None:
    """Raises Refused where the proxy was told otherwise how to ask slots: it would find a good one down."""
    try:
        told = json.loads((project.proxy_dir / "settings.json").read_bytes()).get("peers")
    except (OSError, ValueError):
        return  # `up` has not been here yet, or writes it anew
    if told != render.peers(project.config):
        why = "[services.*] in bgctl.toml is not what it has loaded"
        raise Refused("the proxy asks slots for their health otherwise", why, "bgctl reload")


def is_loaded(project: Project, files: dict[str, bytes]) -> bool:
    return stored(project, files) == files and loaded(project) == render.digest(files)


def apply(project: Project, files: dict[str, bytes]) -> str:
    """Raises Refused or Failed with the old configuration in place and in service."""
    if is_loaded(project, files):
        return NOTHING
    old = stored(project, files)
    prepare(project, files)
    test(project, files["nginx.conf"])
    store(project, files)
    try:
        hang_up(project)
    except Failed as error:
        store(project, old)
        (project.proxy_dir / render.LOADED).unlink(missing_ok=True)  # it may load the new one yet
        raise Failed(error.what, error.why, error.next, project.engine.logs("proxy", 5)) from None
    mark_loaded(project, files)
    return "took the new configuration"


def prepare(project: Project, files: dict[str, bytes]) -> None:
    """What nginx.conf will name: it does nobody any harm before."""
    certificates.make_folders(project)
    certificates.make_quic_key(project)
    for name in _keys(files):
        certificates.write(project, name, files[name])


def test(project: Project, conf: bytes) -> None:
    """Raises Refused with what nginx says."""
    candidate = project.proxy_dir / CANDIDATE
    atomic.write(candidate, conf)
    try:
        project.engine.exec("proxy", "/opt/bgctl/proxy", "-t", "-c", f"/etc/bgctl/{CANDIDATE}")
    except Failed as error:
        next = "write http3 = false: this nginx has none" if "http_v3" in error.why else "bgctl doctor"
        raise Refused("the proxy refuses the new configuration", error.why, next) from None
    finally:
        candidate.unlink(missing_ok=True)


def hang_up(project: Project) -> None:
    """Until new workers have replaced all of today's."""
    before = {worker.pid for worker in project.proxy.status().live}

    def replaced(status: Status) -> bool:
        pids = {worker.pid for worker in status.live}
        return len(pids) >= status.expected and not pids & before

    project.engine.signal("proxy", "HUP")
    project.proxy.wait_until(replaced, "load the new configuration", 15, lambda: project.engine.dead("proxy"))


def store(project: Project, files: dict[str, bytes]) -> None:
    """Keys first: nginx.conf names them."""
    project.proxy_dir.mkdir(exist_ok=True)
    prepare(project, files)
    for name in files.keys() - _keys(files):
        atomic.write(project.proxy_dir / name, files[name])


def stored(project: Project, names: Iterable[str]) -> dict[str, bytes]:
    """What is on disk, without what is missing there."""
    paths = {name: project.proxy_dir / name for name in names}
    return {name: path.read_bytes() for name, path in paths.items() if path.exists()}


def loaded(project: Project) -> str | None:
    try:
        return (project.proxy_dir / render.LOADED).read_text()
    except OSError:
        return None


def mark_loaded(project: Project, files: dict[str, bytes]) -> None:
    """Only now: a run that was killed on the way loads again."""
    atomic.write(project.proxy_dir / render.LOADED, render.digest(files).encode())
    certificates.prune(project, _keys(files))


def _keys(files: dict[str, bytes]) -> set[str]:
    return files.keys() - set(render.NAMES)
