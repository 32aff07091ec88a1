"""Looks for all that is wrong: first with what `bgctl up` would start from, then with what runs.

A look is a generator: it yields each error that it finds, and returns what it says where it finds none. Looks
that need others are left out when one of those has failed.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from toolkit import config, slots
from toolkit.acme import standing
from toolkit.checks import env_versions, hazards, key_ring, machine, neighbours, preflight
from toolkit.checks.looks import WITH_COMPOSE, Finding, Looks, Problems
from toolkit.checks.preflight import Preflight
from toolkit.config import Config
from toolkit.engine import container_health
from toolkit.errors import BgctlError, Failed, NotYet
from toolkit.files import adoption_file
from toolkit.health import idle
from toolkit.jwks import standing as jwks_standing
from toolkit.observe import hosts, node
from toolkit.project import Project
from toolkit.release import differences, needs
from toolkit.rendering import include_file, pages, tls_files
from toolkit.state import gate
from toolkit.terminal import humanize
from toolkit.terminal.ui import UI

__all__ = ["Finding", "examine"]


def examine(root: Path, ui: UI, command: str) -> list[Finding]:
    """The findings of all looks, each mistake told once. A look that fails does not end the search."""
    looks = Looks()
    found, wrong = config.examine(root / "bgctl.toml")
    looks.take("configuration", lambda: _configuration_problems(found, wrong))
    if found is None:
        return looks.findings
    project = Project(root, ui, command, found)
    # This takes seconds, so it runs beside the other looks.
    watch = slots.watch_idle(project, ("blue", "green"), shared=True)
    looks.take("pages", lambda: _page_problems(project))
    looks.take("env file", lambda: env_versions.problems(project))
    looks.take("keys", lambda: key_ring.problems(project))
    if project.config.jwks:
        looks.take("key sets", lambda: _key_set_problems(project))
    looks.take("certificate", lambda: _certificate_problems(project))
    if project.config.neighbours:
        looks.take("neighbours", lambda: _neighbour_problems(project))
    current = env_versions.current(project)
    versions = (current, _next(project) or current)
    wanted = Preflight(project, versions, preflight.all_services(project), probe=True)
    wanted.take(looks)
    looks.take("dependencies", lambda: dependency_problems(project, wanted, current), WITH_COMPOSE)
    for name, (look, required) in (RUNNING | hosts.looks(project)).items():
        asks_engine = name == "health" and slots.need_engine(project)
        looks.take(name, partial(look, project), (*required, "engine") if asks_engine else required)
    looks.take("idle connections", lambda: _idle_problems(project, watch))
    return looks.findings


def _next(project: Project) -> str:
    """The version that the env file names as the next one, or ""."""
    try:
        return project.env().get("VERSION", "")
    except BgctlError:
        return ""


def _configuration_problems(found: Config | None, wrong: list[BgctlError]) -> Problems:
    yield from wrong
    if found is None:
        return ""
    if 0 < found.proxy.pin_idle < found.sessions.idle_timeout:
        pins, idles = found.proxy.pin_idle.nginx, found.sessions.idle_timeout.nginx
        why = f"[proxy] pin_idle is {pins}, [sessions] idle_timeout is {idles}: "
        why += "who is counted is held for as long"
        yield NotYet("pins last longer than is written", why, "remove pin_idle from bgctl.toml, or raise it")
    return f"project {found.project.name}, {len(found.slotted)} in two slots, {len(found.shared)} shared"


def _page_problems(project: Project) -> Problems:
    yield from pages.missing(project.config, project.root)
    yield from include_file.problems(project.config, project.root)
    own = f", and {project.config.proxy.include} is understood" if project.config.proxy.include else ""
    return f"those for 503 and maintenance are here{own}"


def _certificate_problems(project: Project) -> Problems:
    if project.config.acme.on:
        yield from standing.problems(project)
    loaded = tls_files.wanted(project)
    for each in loaded:
        ours = project.config.acme.on and each.source.setting == "tls"
        if not ours and each.found.expires_soon(project.now()):
            why = f"{each.path} is good until {each.not_after:%Y-%m-%d}"
            yield NotYet("the certificate has not been renewed", why, "renew it, then: bgctl reload")
        if each.found.ended:
            why = f"number {each.found.ended} in {each.path}, of an issuer: many browsers take none above it"
            yield NotYet(
                "a chain has a certificate that has expired", why, "get the chain anew: bgctl reload"
            )
        if project.adopted and not tls_files.is_installed(project, each.found):
            why = f"{each.path}, {each.found}, is there to be loaded"
            yield NotYet("the proxy has another certificate", why, "bgctl reload")
    return "; ".join(str(each.found) for each in loaded) or "no TLS here"


def _key_set_problems(project: Project) -> Problems:
    yield from jwks_standing.problems(project)
    found = jwks_standing.look(project)
    return ", ".join(f"{name}: as of {humanize.span(each.age or 0)} ago" for name, each in found.items())


def _neighbour_problems(project: Project) -> Problems:
    for name, neighbour in project.config.neighbours.items():
        if project.is_free(neighbour.address):
            why = f"nothing listens at {neighbour.address}, [neighbours.{name}] address"
            yield Failed(f"the neighbour {name} is not there", why, "bgctl up   (in its own folder)")
    for name, theirs in neighbours.untrusting(project.config, project.engine.neighbours()):
        host = project.config.neighbours[name].address.host
        why = f"project {theirs.project.name} does not trust {host}: all its clients would be one"
        mend = f'write trusted = ["{host}"] into its [proxy], then: bgctl reload   (in its folder)'
        yield NotYet(f"the neighbour {name} does not believe this proxy", why, mend)
    return ", ".join(f"{name} at {each.address}" for name, each in project.config.neighbours.items())


def _state_problems(project: Project) -> Problems:
    yield from adoption_file.problems(project.state_dir)
    if not project.adopted:
        raise NotYet("nothing has been started yet", next="bgctl up")
    now = project.state()
    return f"phase {now.phase}, generation {now.generation}: {slots.describe(now)}"


def dependency_problems(project: Project, wanted: Preflight, current: str) -> Problems:
    """Whether the dependencies could be started, and, if something has been, whether they run."""
    yield from needs.problems(project, wanted.compose, wanted.services, current, pull=False, builds=True)
    needed = needs.everything(project, wanted.compose)
    lasting = [each.service for each in needed if not each.one_shot]
    if lasting and project.adopted:
        for name, why in container_health.faults(lasting, project.engine.containers()).items():
            yield Failed(f"{name} does not do its work", why, "bgctl up")
    once = [each.service for each in needed if each.one_shot]
    told = [("start first", lasting), ("once for each version", once)]
    said = [f"{what}: {', '.join(names)}" for what, names in told if names]
    return "; ".join(said) or "nothing is to be started before the slots"


def _gate_problems(project: Project) -> Problems:
    yield from _started(project)
    if closed := project.state().gate:
        raise NotYet(gate.describe(closed, project.now()), next=gate.opener(closed))
    return "open"


def _cookie_problems(project: Project) -> Problems:
    stem = project.config.proxy.cookie_stem
    api = project.engine.containers().get("session-api")
    if api and (told := api.value("BGCTL_COOKIE_STEM") or "bg") != stem:
        why = f"its cookies begin with {told}, the proxy's with {stem}"
        line = "BGCTL_COOKIE_STEM: ${BGCTL_COOKIE_STEM:-bg}"
        mend = f"write {line} into session-api's environment in {project.compose_path.name}, then: bgctl up"
        yield Failed("the session API has another cookie_stem", why, mend)
    if found := neighbours.alike(project.config, project.engine.neighbours()):
        names = ", ".join(str(each.project.name) for each in found)
        why = f"{neighbours.host(project.config)} is the host of {names}, too: browsers mix up their sessions"
        mend = "write another [proxy] cookie_stem, or, where each has a host name of its own, [preview] url"
        yield NotYet(f"cookies called {stem}_… are those of another project", why, mend)
    return f"called {stem}_…, on {neighbours.host(project.config)}"


def _proxy_problems(project: Project) -> Problems:
    yield from _started(project)
    generation, status = project.state().generation, project.proxy.status()
    if not status.applied(generation):
        have = [worker.generation for worker in status.live]
        why = status.state_error or f"workers have {have}, the state is {generation}"
        yield Failed("not every worker routes by the state", why, "bgctl up")
    for name, slot in status.slots.items():
        if slot.health.up is False:
            yield Failed(f"the proxy finds {name} down", slot.health.why or "", "bgctl status")
    return f"{len(status.live)} workers, generation {status.generation}"


def health_problems(project: Project) -> Problems:
    yield from _started(project)
    for found in slots.troubles(project, project.state()):
        seen = f"{found.seen}: {found.why}" if found.why else found.seen
        yield Failed("not healthy", seen, found.next or "bgctl up")
    return "what people need answers as it should"


def _session_api_problems(project: Project) -> Problems:
    yield from _started(project)
    yield from machine.clock("the session API", project.sessions.clock(), project.now())
    report = project.sessions.report()
    if why := report.unknown:
        mend = "wait until then" if "counts are complete in" in why else "bgctl up"
        raise NotYet("how many sessions there are is unknown", why, mend)
    sessions = sum(count.sessions or 0 for count in report.versions.values())
    return f"{humanize.many(report.total_active_users, 'users')}, {humanize.many(sessions, 'sessions')}"


def _idle_problems(project: Project, watch: idle.Watch) -> Problems:
    for advice in watch.wait():
        yield NotYet("connections are closed too early", advice, "edit bgctl.toml, then: bgctl reload")
    keeps = f"the {project.config.proxy.upstream_keepalive:g} s that the proxy keeps it"
    return f"no service closes one within {keeps}"


def _by_hand_problems(project: Project) -> Problems:
    """Whether `compose up -d`, without bgctl, would leave what runs as it is."""
    yield from _started(project)
    versions = project.state().slots
    blue, green = versions.blue.version or "", versions.green.version or versions.blue.version or ""
    yield from hazards.by_hand(project, project.compose_env(blue, green))
    return "plain `compose up -d` would leave it all as it is"


def _settings_problems(project: Project) -> Problems:
    """Whether what runs has the settings that the files say."""
    yield from _started(project)
    for each in differences.look(project):
        yield NotYet(each.what, ", ".join(each.settings), each.next)
    return "what bgctl has started runs as your files say"


def _started(project: Project) -> Problems:
    """For looks at what runs: raises NotYet in a project that has never been started."""
    yield from ()
    if not project.adopted:
        raise NotYet("not started yet", next="bgctl up")
    return ""


# The looks at what runs, each with the looks that it needs.
RUNNING: dict[str, tuple[Callable[[Project], Problems], tuple[str, ...]]] = {
    "state": (_state_problems, ()),
    "gate": (_gate_problems, ("state",)),
    "node": (node.problems, ("state",)),
    "by hand": (_by_hand_problems, ("state", "engine", "compose file")),
    "settings": (_settings_problems, ("state", *WITH_COMPOSE)),
    "cookies": (_cookie_problems, ("engine",)),
    "proxy": (_proxy_problems, ("state",)),
    "health": (health_problems, ("state",)),
    "session API": (_session_api_problems, ("state",)),
}
