"""What must hold before anything starts: `bgctl up` refuses what it finds here, and `bgctl doctor` tells it.

Each look yields all that is wrong, so that nobody has to ask again for the next mistake.
"""

import getpass
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct

from session_api import key_files
from toolkit import slots
from toolkit.checks import hazards, machine
from toolkit.config.engines import ANY
from toolkit.engine import build_context, compose_fit, key_mounts, ports, user_session
from toolkit.engine.compose import Compose
from toolkit.engine.compose_lines import place
from toolkit.errors import BgctlError, Failed, NotYet, Refused, caught
from toolkit.files import env_file as envfile
from toolkit.project import Project
from toolkit.values import SLOTS

PROBES = ("0.0.0-blue", "0.0.0-green")
Problems = Generator[BgctlError, None, str]
Look = Callable[[], Problems]


class Finding(Struct, frozen=True):
    """`skip`: what it needs has failed, so nobody could look."""

    check: str
    result: Literal["ok", "warn", "fail", "skip"]
    seen: str
    next: str = ""


WITH_COMPOSE = ("env file", "engine", "compose file")  # what looks at compose services need
# Where an error names doctor, or nothing, as the next command: doctor itself may be asking.
MENDS = {
    "configuration": "edit bgctl.toml",
    "env file": "edit the env file",
    "version": "edit the env file",
    "engine": f"start {ANY}",
    "compose file": "edit the compose file, or bgctl.toml",
    "releases": "edit the compose file",
    "by hand": "edit the env file",
    "keys": "bgctl keys list",
    "certificate": "edit bgctl.toml",
    "pages": "edit bgctl.toml",
    "state": "bgctl up",
    "gate": "bgctl up",
    "dependencies": "edit the compose file",
    "images": f"start {ANY}",
    "ports": f"start {ANY}",
    "cookies": f"start {ANY}",
    "machine": "make room",
    "proxy": "bgctl up",
    "health": "bgctl up",
    "session API": "bgctl up",
    "idle connections": "edit bgctl.toml",
}


class Looks:
    """Takes looks one after the other, and leaves out those that need one that came to nothing."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, BgctlError]] = []
        self.findings: list[Finding] = []
        self._failed: set[str] = set()

    def take(self, check: str, look: Look, needs: Iterable[str] = ()) -> None:
        if missing := [each for each in needs if each in self._failed]:
            self._failed.add(check)
            self.findings.append(Finding(check, "skip", f"not looked at: it needs the {missing[0]}"))
            return
        found: list[BgctlError] = []
        problems, note = look(), ""
        try:
            while True:
                found.append(next(problems))
        except StopIteration as end:
            note = end.value
        except BgctlError as error:
            found.append(error)
            self._failed.add(check)
        self.errors += [(check, error) for error in found]
        self.findings += [told(check, error) for error in found] or [Finding(check, "ok", note)]


def told(check: str, error: BgctlError) -> Finding:
    """NotYet is what is missing only because nothing has been started, or what is no fault yet: a warning."""
    next = MENDS[check] if error.next in ("", "bgctl doctor") else error.next
    return Finding(check, "fail" if is_fault(error) else "warn", str(error), next)


class Preflight:
    """The looks at one project, for the compose services that have to be there."""

    def __init__(
        self,
        project: Project,
        versions: tuple[str, str],
        services: Sequence[str],
        pull: bool = False,
        probe: bool = False,
        spared: Callable[[], set[str]] = set,
    ) -> None:
        """`versions` are blue's and green's; `pull` gets images that are missing.

        `spared` are services that need no image, for they run as they should and stay.
        `probe` reads the compose file once more, with two versions that can stand in it by a variable only.
        """
        self.project = project
        self.services = services
        self.pull = pull
        self.probe = probe
        self.spared = spared
        self._versions = versions
        self._env = project.compose_env(*versions)
        self._found: Compose | None = None

    @property
    def compose(self) -> Compose:
        """As the compose command understands it. Raises Failed or Refused where it does not."""
        self._found = self._found or self.project.read_compose(self._env)
        return self._found

    def take(self, looks: Looks) -> None:
        looks.take("engine", self._engine)
        looks.take("compose file", self._compose, needs=["env file", "engine"])
        looks.take("releases", self._releases, needs=WITH_COMPOSE)
        looks.take("images", self._images, needs=WITH_COMPOSE)
        looks.take("ports", self._ports, needs=["engine"])
        looks.take("machine", self._machine, needs=["engine"])

    def _engine(self) -> Problems:
        yield from ()
        engine = self.project.engine
        rootless = ", rootless" if engine.rootless else ""
        return f"{engine.name}{rootless}; containers run as {engine.user}"

    def _compose(self) -> Problems:
        project, found = self.project, self.compose
        yield from compose_fit.misfits(project.config, found, *project.compose_files)
        mounts = list(key_mounts.of(found, project.root, project.keys_dir))
        yield from key_mounts.problems(mounts, project.keys_dir, project.compose_files, moves=True)
        if advice := key_mounts.advice(mounts, project.compose_files):
            what = "a key that is replaced is not noticed before its container is"
            yield NotYet(what, advice, "edit the compose file, then: bgctl up")
        yield from self._room_for_bodies(found)
        yield from self._taken_along(found)
        if machine.enforces_selinux():
            yield from self._labels(found)
        return f"{project.engine.compose_command}: {len(found.services)} services, on the ports of bgctl.toml"

    def _releases(self) -> Problems:
        """What plain compose does well with, and a release does not."""
        project, found = self.project, self.compose
        yield from compose_fit.unready(project.config, found, *project.compose_files)
        yield from self._alike(found)
        yield from hazards.problems(project, found)
        return "nothing in the compose file is in their way"

    def _alike(self, found: Compose) -> Iterator[BgctlError]:
        """What has served people comes back however it is written: it is told before it is, and by doctor."""
        project, versions = self.project, self._versions
        if self.probe:
            versions = PROBES
            found = project.engine.compose(project.compose_env(*PROBES))
        elif project.adopted:
            return
        serving = self._versions[0] if project.adopted else ""
        yield from compose_fit.alike(project.config, found, project.compose_files, versions, serving)

    def _room_for_bodies(self, found: Compose) -> Iterator[BgctlError]:
        """One client's bodies may have half of the proxy's /tmp (docs/decisions/0037)."""
        project, wanted = self.project, self.project.config.proxy.max_body
        size = found.services["proxy"].size_of("/tmp") if "proxy" in found.services else None  # noqa: S108
        if size is not None and size < 2 * wanted.bytes:
            have = f"the proxy's /tmp has {size >> 20} MiB, and one client may have half of that"
            mend = f'tmpfs: ["/tmp:mode=1777,size={2 * wanted.bytes >> 20}m"], or a smaller [proxy] max_body'
            where = place(project.compose_files, "proxy", "tmpfs")
            yield NotYet(f"{where}: a body of max_body ({wanted}) finds no room", have, f"write {mend}")

    def _taken_along(self, found: Compose) -> Iterator[BgctlError]:
        for each in build_context.exposed(found, self.project.root):
            yield NotYet(each.what, each.why, each.mend)

    def _labels(self, found: Compose) -> Iterator[BgctlError]:
        for service, each in found.services.items():
            for source in sorted(each.unlabelled):
                if source.startswith((str(self.project.root), ".")):
                    where = place(self.project.compose_files, service, "volumes")
                    why = "SELinux is enforcing, and keeps it from the container"
                    mend = "write z at the end of that volume, such as ./state:/state:ro,z"
                    yield NotYet(f"{where}: {service} mounts {source} without a label", why, mend)

    def _images(self) -> Problems:
        found = self.compose
        spared = self.spared()
        here = [name for name in self.services if name in found.services and name not in spared]
        images = {found.image(service): service for service in reversed(here)}
        for service in reversed(images.values()):
            yield from caught(lambda name=service: self._check_image(found, name))  # type: ignore[misc]
        there = [name for name in self.services if name in found.services]
        yield from hazards.lost_data(self.project.engine, found, there, self.project.compose_files)
        absent = [image for image in images if image and not self.project.engine.has_image(image)]
        here_now = f"{len(images) - len(absent)} images are here"
        return f"{here_now}; bgctl up builds {', '.join(absent)}" if absent else here_now

    def _check_image(self, found: Compose, service: str) -> None:
        slots.check_images(self.project, found, [service], self.pull, self._env, builds=True)

    def _ports(self) -> Problems:
        project = self.project
        wanted = slots.addresses(project, SLOTS)
        for service, address in wanted:
            if service in self.services:
                yield from caught(lambda n=service, a=address: slots.check_port(project, n, a))  # type: ignore[misc]
        free = sum(ports.is_free(address) for _, address in wanted)
        return f"{free} free, {len(wanted) - free} held by this project"

    def _machine(self) -> Problems:
        engine = self.project.engine
        yield from machine.room({"this project": self.project.root, **engine.storage()})
        if engine.rootless:
            yield from user_session.ends(getpass.getuser())
        return "room on its disks" + (", SELinux enforcing" if machine.enforces_selinux() else "")


def all_services(project: Project) -> list[str]:
    """Whatever a project needs while it serves people."""
    return ["proxy", *project.config.shared, *slots.names(project, "blue")]


def env_file(project: Project) -> Problems:
    """Which versions it names, and whether they are those that run."""
    said = yield from readable_env(project)
    yield from other_version(project)
    return said


def readable_env(project: Project) -> Problems:
    if broken := envfile.problems(project.env_path):
        yield from broken[:-1]
        raise broken[-1]  # what needs the file is not looked at then
    values = project.env()
    name, current = project.env_path.name, values.get("CURRENT_VERSION")
    if not current:
        why = "it names the version that runs today; write CURRENT_VERSION=..."
        yield Refused(f"{name} has no CURRENT_VERSION", why, f"edit {name}")
    return f"CURRENT_VERSION {current}, VERSION {values.get('VERSION') or 'not set'}"


def other_version(project: Project) -> Problems:
    """Somebody who has written another version into the env file expects more of `up` than it does."""
    wanted = current(project)
    if wanted and (blue := _serves(project)) and blue != wanted:
        what = f"CURRENT_VERSION is {wanted} in {project.env_path.name}"
        yield Refused(what, f"blue serves {blue}; a new version is a release", f"bgctl up-green {wanted}")
    return ""


def current(project: Project) -> str:
    """CURRENT_VERSION of the env file; "" where there is none, or no telling."""
    try:
        return project.env().get("CURRENT_VERSION", "")
    except BgctlError:
        return ""


def keys_exist(project: Project) -> bool:
    return (project.keys_dir / "verify" / "keyring.json").exists()


def keys(project: Project) -> Problems:
    """Whether those that are there can be read; none is fine: `bgctl up` makes them."""
    from session_api import keyring
    from session_api.errors import SetupError

    folder = project.keys_dir
    if not keys_exist(project):
        raise NotYet("there are no keys yet", next="bgctl up, or: bgctl keys init")
    for name in key_files.ignored(folder):
        here, there = key_files.place(folder, name), key_files.former_place(folder, name)
        why = f"the key in force is {here.relative_to(project.root)}"
        yield NotYet(f"nobody reads keys/{name}", why, f"mv {there} {here}, or remove it")
    if wanted := [*keyring.missing(folder), *key_files.unmoved(folder)]:
        raise NotYet(f"keys are not in place: {', '.join(wanted)}", next="bgctl up")
    try:
        ring = keyring.load(folder)
    except SetupError as error:
        raise Failed(error.what, next=error.next_step) from None
    return f"{ring.sign} signs, tokens of {len(ring.keys)} are accepted"


def _serves(project: Project) -> str | None:
    """What blue serves at rest; None: nothing has been started, a release is under way, or nobody knows."""
    try:
        now = project.state()
    except BgctlError:
        return None
    return now.slots.blue.version if now.phase == "rest" else None


def is_fault(error: BgctlError) -> bool:
    return not isinstance(error, NotYet)
