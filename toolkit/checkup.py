"""What `bgctl doctor` looks at. A check returns what it saw, or raises what `bgctl` would raise."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from toolkit import (
    config,
    container_health,
    dependencies,
    envfile,
    gate,
    idle,
    key_mounts,
    neighbours,
    ports,
    render,
    slots,
)
from toolkit.errors import BgctlError, Failed, NotYet, Refused
from toolkit.release import certificates, depends, up
from toolkit.site import Site
from toolkit.ui import UI


class Finding(Struct, frozen=True):
    check: str
    result: Literal["ok", "warn", "fail"]
    seen: str
    next: str = ""


Check = Callable[[Site], str]
# Where an error names doctor as the next command: that is who is asking.
MENDS = {
    "configuration": "edit bgctl.toml",
    "env file": "edit the env file",
    "engine": "start docker or podman",
    "compose file": "edit the compose file, or bgctl.toml",
    "keys": "bgctl keys list",
    "certificate": "edit bgctl.toml",
    "state": "bgctl up",
    "gate": "bgctl up",
    "dependencies": "edit the compose file",
    "images": "start docker or podman",
    "ports": "start docker or podman",
    "cookies": "start docker or podman",
    "proxy": "bgctl up",
    "session API": "bgctl up",
    "idle connections": "edit bgctl.toml",
}


def examine(root: Path, ui: UI, command: str) -> list[Finding]:
    """Every check, also after one has failed: each failure is told once, by the check that it belongs to."""
    finding = _finding("configuration", lambda: _configuration(root))
    if finding.result == "fail":
        return [finding]
    site = Site(root, ui, command)
    watch = slots.watch_idle(site, ("blue", "green"), shared=True)  # takes seconds: beside all the others
    found = [_finding(name, lambda check=check: check(site)) for name, check in CHECKS.items()]  # type: ignore[misc]
    return [finding, *found, _finding("idle connections", lambda: _idle(site, watch))]


def _finding(name: str, check: Callable[[], str]) -> Finding:
    """NotYet is what is missing only because nothing has been started: a warning."""
    try:
        return Finding(name, "ok", check())
    except NotYet as error:
        return Finding(name, "warn", str(error), error.next)
    except BgctlError as error:
        next = MENDS[name] if error.next in ("", "bgctl doctor") else error.next
        return Finding(name, "fail", str(error), next)


def _configuration(root: Path) -> str:
    found = config.load(root / "bgctl.toml")
    render.pages(found, root)
    if 0 < found.proxy.pin_idle < found.sessions.idle_timeout:
        times = (
            f"{found.proxy.pin_idle.nginx}, [sessions] idle_timeout is {found.sessions.idle_timeout.nginx}"
        )
        why = f"[proxy] pin_idle is {times}: who is counted is held for as long"
        raise NotYet("pins last longer than is written", why, "remove pin_idle from bgctl.toml, or raise it")
    return f"project {found.project.name}, {len(found.slotted)} slotted, {len(found.shared)} shared"


def _env_file(site: Site) -> str:
    values = envfile.load(site.env_path)
    if not values.get("CURRENT_VERSION"):
        raise Refused(f"{site.env_path.name} has no CURRENT_VERSION", "write CURRENT_VERSION=...")
    return f"CURRENT_VERSION {values['CURRENT_VERSION']}, VERSION {values.get('VERSION', 'not set')}"


def _engine(site: Site) -> str:
    rootless = ", rootless" if site.engine.rootless else ""
    return f"{site.engine.name}{rootless}; containers run as {site.engine.user}"


def _compose(site: Site) -> str:
    found = site.compose(_environment(site))
    mounts = list(key_mounts.of(found, site.root, site.keys_dir))
    if advice := key_mounts.advice(mounts, site.compose_path):
        raise NotYet("a key that is replaced is not noticed", advice, "edit the compose file, then: bgctl up")
    command = " ".join(site.engine.commands.compose)
    return f"{command}: {len(found.services)} services, on the ports of bgctl.toml"


def _keys(site: Site) -> str:
    from session_api import keyring
    from session_api.errors import SetupError

    if not up.keys_exist(site):
        raise NotYet("there are none yet", next="bgctl up, or: bgctl keys init")
    try:
        ring = keyring.load(site.keys_dir)
    except SetupError as error:
        raise Failed(error.what, next=error.next_step) from None
    return f"{ring.sign} signs, {len(ring.keys)} are believed"


def _certificate(site: Site) -> str:
    found = certificates.wanted(site)
    if found is None:
        return "no TLS here"
    if found.expires_soon(site.now()):
        why = f"it is good until {found.until:%Y-%m-%d}"
        raise NotYet("the certificate has not been renewed", why, "renew it, then: bgctl reload")
    if up.adopted(site) and not certificates.is_installed(site, found):
        raise NotYet("the proxy has another certificate", f"{found} is there to be loaded", "bgctl reload")
    return str(found)


def _state(site: Site) -> str:
    if not site.state_path.exists():
        raise NotYet("nothing has been started yet", next="bgctl up")
    now = site.state()
    return f"phase {now.phase}, generation {now.generation}: {slots.describe(now)}"


def _gate(site: Site) -> str:
    _started(site)
    if closed := site.state().gate:
        raise NotYet(gate.describe(closed, site.now()), next=gate.opener(closed))
    return "open"


def _dependencies(site: Site) -> str:
    found = site.compose(_environment(site))
    needed = depends.everything(site, found)
    dependencies.check(found, needed, site.compose_path)
    _started(site)
    lasting = [each.service for each in needed if not each.one_shot]
    if down := container_health.faults(lasting, site.engine.containers() if lasting else {}):
        why = "; ".join(f"{name}: {reason}" for name, reason in down.items())
        raise Failed("not everything that the slots need is there", why, "bgctl up")
    once = ", ".join(each.service for each in needed if each.one_shot)
    return f"{len(lasting)} run" + f"; once for each version: {once}" * bool(once)


def _images(site: Site) -> str:
    found, services = site.compose(_environment(site)), ["proxy", *site.config.shared]
    services += slots.names(site, "blue")
    slots.check_images(site, found, services, pull=False)
    return f"{len(services)} images are here"


def _ports(site: Site) -> str:
    wanted = slots.addresses(site, ("blue", "green"))
    for service, address in wanted:
        slots.check_port(site, service, address)
    free = sum(ports.is_free(address) for _, address in wanted)
    return f"{free} free, {len(wanted) - free} held by this project"


def _cookies(site: Site) -> str:
    stem = site.config.proxy.cookie_stem
    api = site.engine.containers().get("session-api")
    if api and (told := api.value("BGCTL_COOKIE_STEM") or "bg") != stem:
        why = f"its cookies begin with {told}, the proxy's with {stem}"
        line = "BGCTL_COOKIE_STEM: ${BGCTL_COOKIE_STEM:-bg}"
        mend = f"write {line} into session-api's environment in {site.compose_path.name}, then: bgctl up"
        raise Failed("the session API has another cookie_stem", why, mend)
    if found := neighbours.alike(site.config, site.engine.neighbours()):
        names = ", ".join(str(each.project.name) for each in found)
        why = f"{neighbours.host(site.config)} is the host of {names}, too: browsers mix up their sessions"
        mend = "write another [proxy] cookie_stem, or, where each has a host name of its own, [preview] url"
        raise NotYet(f"cookies called {stem}_… are those of another project", why, mend)
    return f"called {stem}_…, on {neighbours.host(site.config)}"


def _proxy(site: Site) -> str:
    _started(site)
    generation, status = site.state().generation, site.proxy.status()
    if not status.applied(generation):
        have = [worker.generation for worker in status.live]
        why = status.state_error or f"workers have {have}, the state is {generation}"
        raise Failed("not every worker routes by the state", why, "bgctl up")
    for name, slot in status.slots.items():
        if slot.health.up is False:
            raise Failed(f"the proxy finds {name} down", slot.health.why or "", "bgctl status")
    return f"{len(status.live)} workers, generation {status.generation}"


def _session_api(site: Site) -> str:
    _started(site)
    report = site.sessions.report()
    if report.unknown:
        raise NotYet("how many sessions there are is unknown", report.unknown, "bgctl up")
    sessions = sum(count.sessions or 0 for count in report.versions.values())
    return f"{report.total_active_users} users, {sessions} sessions"


def _idle(site: Site, watch: idle.Watch) -> str:
    if advice := watch.wait():
        raise NotYet(
            "connections are closed too early", "; ".join(advice), "edit bgctl.toml, then: bgctl reload"
        )
    return (
        f"no service closes one within the {site.config.proxy.upstream_keepalive:g} s that the proxy keeps it"
    )


def _started(site: Site) -> None:
    if not site.state_path.exists():
        raise NotYet("not started yet", next="bgctl up")


def _environment(site: Site) -> dict[str, str]:
    values = envfile.load(site.env_path)
    current = values.get("CURRENT_VERSION", "")
    return site.compose_env(current, values.get("VERSION") or current)


CHECKS: dict[str, Check] = {
    "env file": _env_file,
    "engine": _engine,
    "compose file": _compose,
    "keys": _keys,
    "certificate": _certificate,
    "state": _state,
    "gate": _gate,
    "dependencies": _dependencies,
    "images": _images,
    "ports": _ports,
    "cookies": _cookies,
    "proxy": _proxy,
    "session API": _session_api,
}
