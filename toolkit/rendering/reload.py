"""A running proxy's new configuration: tested under another name first, then put in place and loaded."""

import json
import re
from collections.abc import Iterable

from toolkit.clients.proxy import Status, reachable
from toolkit.engine import ports
from toolkit.errors import Failed, Refused
from toolkit.files import atomic
from toolkit.project import Site
from toolkit.rendering import render
from toolkit.rendering import tls_files as certificates
from toolkit.rendering.certificate import Certificate

CANDIDATE = "nginx.conf.new"
NOTHING = "runs with this configuration already"


def run(site: Site, dry_run: bool = False, wait: float = 0) -> str | None:
    """`bgctl reload`: a note of what was done, or None where there was nothing to do.

    Raises Refused, with nothing changed, for what the proxy would not take. Waits `wait` s for another bgctl.
    """
    files, certificate = wanted(site)
    if not (site.engine.running("proxy") and reachable(site.proxy, tries=3)):
        raise Refused("the proxy does not run", "only a running one can be reloaded", "bgctl up")
    if is_loaded(site, files):
        return None
    check_listeners(site)
    tls = f", certificate of {certificate}" if certificate else ""
    if dry_run:
        return f"would test and load the new configuration{tls}"
    with site.change("reload", wait=wait):
        return f"{apply(site, files)}{tls}"


def wanted(site: Site) -> tuple[dict[str, bytes], Certificate | None]:
    """What belongs in proxy/, name to content. Raises Refused where a certificate or page is no good."""
    found = certificates.wanted(site)
    if found is None:
        return render.files(site.config, site.root), None
    name = certificates.name_of(found)
    return {name: found.pem, **render.files(site.config, site.root, name)}, found


def wanted_or_stored(site: Site) -> dict[str, bytes]:
    """For `up`: a reboot in the middle of a renewal must not keep the proxy down. Raises Refused."""
    try:
        return wanted(site)[0]
    except Refused as error:
        conf = stored(site, ["nginx.conf"]).get("nginx.conf", b"").decode()
        names = [*render.NAMES, *re.findall(rf"/({certificates.FOLDER}/[^/;]+\.pem);", conf)[:1]]
        old = stored(site, names)
        if len(old) < len(names) or site.engine.running("proxy"):
            raise
        site.ui.warn(f"{error}; the proxy starts with what it had; next: {error.next or 'bgctl reload'}")
        return old


def check_listeners(site: Site) -> None:
    """Raises Refused where the proxy could not listen: it would go on with its old configuration."""
    now = stored(site, ["nginx.conf"]).get("nginx.conf", b"").decode()
    for name, address in site.config.listeners.items():
        if now and not re.search(rf"listen {re.escape(address)}[ ;]", now):
            ports.check_allowed(name, address)
            if not ports.is_free(address):
                why = f"{name} in bgctl.toml"
                raise Refused(f"{address} is taken by {ports.holder(address)}", why, "name another port")


def check_peers(site: Site) -> None:
    """Raises Refused where the proxy was told otherwise how to ask slots: it would find a good one down."""
    try:
        told = json.loads((site.proxy_dir / "settings.json").read_bytes()).get("peers")
    except (OSError, ValueError):
        return  # `up` has not been here yet, or writes it anew
    if told != render.peers(site.config):
        why = "[services.*] in bgctl.toml is not what it has loaded"
        raise Refused("the proxy asks slots for their health otherwise", why, "bgctl reload")


def is_loaded(site: Site, files: dict[str, bytes]) -> bool:
    return stored(site, files) == files and loaded(site) == render.digest(files)


def apply(site: Site, files: dict[str, bytes]) -> str:
    """Raises Refused or Failed with the old configuration in place and in service."""
    if is_loaded(site, files):
        return NOTHING
    old = stored(site, files)
    prepare(site, files)
    test(site, files["nginx.conf"])
    store(site, files)
    try:
        hang_up(site)
    except Failed as error:
        store(site, old)
        (site.proxy_dir / render.LOADED).unlink(missing_ok=True)  # it may load the new one yet
        raise Failed(error.what, error.why, error.next, site.engine.logs("proxy", 5)) from None
    mark_loaded(site, files)
    return "took the new configuration"


def prepare(site: Site, files: dict[str, bytes]) -> None:
    """What nginx.conf will name: it does nobody any harm before."""
    certificates.make_folders(site)
    certificates.make_quic_key(site)
    for name in _keys(files):
        certificates.write(site, name, files[name])


def test(site: Site, conf: bytes) -> None:
    """Raises Refused with what nginx says."""
    candidate = site.proxy_dir / CANDIDATE
    atomic.write(candidate, conf)
    try:
        site.engine.exec("proxy", "/opt/bgctl/proxy", "-t", "-c", f"/etc/bgctl/{CANDIDATE}")
    except Failed as error:
        next = "write http3 = false: this nginx has none" if "http_v3" in error.why else "bgctl doctor"
        raise Refused("the proxy refuses the new configuration", error.why, next) from None
    finally:
        candidate.unlink(missing_ok=True)


def hang_up(site: Site) -> None:
    """Until new workers have replaced all of today's."""
    before = {worker.pid for worker in site.proxy.status().live}

    def replaced(status: Status) -> bool:
        pids = {worker.pid for worker in status.live}
        return len(pids) >= status.expected and not pids & before

    site.engine.signal("proxy", "HUP")
    site.proxy.wait_until(replaced, "load the new configuration", 15, lambda: site.engine.dead("proxy"))


def store(site: Site, files: dict[str, bytes]) -> None:
    """Keys first: nginx.conf names them."""
    site.proxy_dir.mkdir(exist_ok=True)
    prepare(site, files)
    for name in files.keys() - _keys(files):
        atomic.write(site.proxy_dir / name, files[name])


def stored(site: Site, names: Iterable[str]) -> dict[str, bytes]:
    """What is on disk, without what is missing there."""
    paths = {name: site.proxy_dir / name for name in names}
    return {name: path.read_bytes() for name, path in paths.items() if path.exists()}


def loaded(site: Site) -> str | None:
    try:
        return (site.proxy_dir / render.LOADED).read_text()
    except OSError:
        return None


def mark_loaded(site: Site, files: dict[str, bytes]) -> None:
    """Only now: a run that was killed on the way loads again."""
    atomic.write(site.proxy_dir / render.LOADED, render.digest(files).encode())
    certificates.prune(site, _keys(files))


def _keys(files: dict[str, bytes]) -> set[str]:
    return files.keys() - set(render.NAMES)
