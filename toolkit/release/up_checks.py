"""What `bgctl up` checks before it starts anything."""

from toolkit import slots
from toolkit.checks import env_versions, key_ring
from toolkit.checks.looks import WITH_COMPOSE, Looks, Problems, is_fault
from toolkit.checks.preflight import NOTHING, Given, Preflight
from toolkit.clients.proxy import reachable
from toolkit.engine.compose import Compose
from toolkit.errors import caught, together
from toolkit.project import Project
from toolkit.release import folders, image_builds, needs, one_host, proxies
from toolkit.release.in_service import in_service, services, versions
from toolkit.rendering import reload
from toolkit.state.document import State

# What has served people has to come back, also with a broken env file, with keys that are not whole, on a
# full disk, and with a compose file that no release could begin with: after the first start these only warn.
LENIENT = ("env file", "keys", "machine", "releases", "dependencies")


def check(project: Project, target: State | None, pull: bool, given: Given = NOTHING) -> Compose:
    """Returns the compose file. `target` is the state; None: nothing has been started yet.

    `given`: what the caller sees to by itself.

    Raises Refused with all that is wrong, and nothing changed.
    """
    looks = Looks()
    with project.engine.still():
        wanted = _take(looks, project, target, pull, given)
    lenient = () if target is None else LENIENT
    faults = [error for name, error in looks.errors if is_fault(error) and name not in lenient]
    if faults:
        raise together(faults)
    found = wanted.compose  # Before the warnings: it may be refused only now.
    for _, error in looks.errors:
        project.ui.warn(error.line)
    return found


def _take(looks: Looks, project: Project, target: State | None, pull: bool, given: Given) -> Preflight:
    """Takes the looks. The result has the compose file, which they have read."""
    looks.take("env file", lambda: env_versions.readable(project))
    looks.take("version", lambda: env_versions.other_version(project))
    looks.take("certificate", lambda: _proxy_files(project))
    looks.take("state", lambda: one_host.problems(project))
    if not folders.keys_wanted(project):
        looks.take("keys", lambda: key_ring.problems(project))
    pair, wanted_services = versions(project, target), services(project, target)
    spared = lambda: well(project, target)  # noqa: E731
    wanted = Preflight(project, pair, wanted_services, pull, spared=spared, given=given)
    wanted.take(looks)
    looks.take("dependencies", lambda: _dependencies(project, target, wanted), WITH_COMPOSE)
    if target is None:
        looks.take("images", lambda: _context(project, wanted.compose, given), WITH_COMPOSE)
    return wanted


def _proxy_files(project: Project) -> Problems:
    """What is wrong with the proxy's certificate, pages and listeners."""
    wrong = list(caught(lambda: reload.wanted_or_stored(project)))
    yield from wrong
    if project.adopted and project.engine.running(project.config.proxy_service):
        yield from caught(lambda: reload.check_listeners(project))
        if project.cluster and not wrong:
            yield from proxies.problems(project)
    return ""


def _dependencies(project: Project, target: State | None, wanted: Preflight) -> Problems:
    blue, _ = versions(project, target)
    names = services(project, target)
    return (yield from needs.problems(project, wanted.compose, names, blue, wanted.pull, builds=True))


def _context(project: Project, found: Compose, given: Given) -> Problems:
    """Whether a first build would take keys along that `bgctl keys init` has made before."""
    wanted = to_build(project, None, found, given)
    yield from caught(lambda: image_builds.check_context(project, found, wanted))
    return ""


def to_build(project: Project, target: State | None, found: Compose, given: Given = NOTHING) -> list[str]:
    """The services whose images are missing and can be built."""
    blue, _ = versions(project, target)
    rest = target is None or target.phase == "rest"
    names = services(project, target)
    wanted = image_builds.before_start(project, found, names, blue, rest, lambda: well(project, target))
    return [name for name in wanted if found.image(name) not in given.images]


def well(project: Project, target: State | None) -> set[str]:
    """The services that run as they should. They are left alone, even where their images have gone."""
    if target is None:
        return set()
    proxy = project.config.proxy_service
    running = {proxy} if project.engine.running(proxy) and reachable(project.proxy, tries=3) else set()
    found = in_service(target).items()
    serving = [slot for slot, version in found if slots.serves(project, slot, version)]
    return running.union(*(slots.names(project, slot) for slot in serving))
