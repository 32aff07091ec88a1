"""A running proxy's new configuration: tested under another name first, then put in place and loaded."""

from collections.abc import Iterable

from toolkit import atomic, render
from toolkit.errors import Failed
from toolkit.proxy import Status
from toolkit.site import Site

CANDIDATE = "nginx.conf.new"


def apply(site: Site, files: dict[str, bytes]) -> str:
    """Raises Failed with the old configuration in place and in service."""
    old = stored(site, files)
    if old == files and loaded(site) == render.digest(files):
        return "runs with this configuration already"
    test(site, files["nginx.conf"])
    store(site, files)
    try:
        hang_up(site)
    except Failed as error:
        store(site, old)
        raise Failed(error.what, error.why, error.next, site.engine.logs("proxy", 5)) from None
    mark_loaded(site, files)
    return "took the new configuration"


def test(site: Site, conf: bytes) -> None:
    candidate = site.proxy_dir / CANDIDATE
    atomic.write(candidate, conf)
    try:
        site.engine.exec("proxy", "/opt/bgctl/proxy", "-t", "-c", f"/etc/bgctl/{CANDIDATE}")
    except Failed as error:
        raise Failed("the proxy refuses the new configuration", error.why, "bgctl doctor") from None
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
    site.proxy_dir.mkdir(exist_ok=True)
    for name, data in files.items():
        atomic.write(site.proxy_dir / name, data)


def stored(site: Site, names: Iterable[str]) -> dict[str, bytes]:
    """What is on disk, without what is missing there."""
    paths = [site.proxy_dir / name for name in names]
    return {path.name: path.read_bytes() for path in paths if path.exists()}


def loaded(site: Site) -> str | None:
    try:
        return (site.proxy_dir / render.LOADED).read_text()
    except OSError:
        return None


def mark_loaded(site: Site, files: dict[str, bytes]) -> None:
    """Only now: a run that was killed on the way loads again."""
    atomic.write(site.proxy_dir / render.LOADED, render.digest(files).encode())
