"""Looks at what must hold before anything starts: engine, compose file, images, ports and the machine."""

import getpass
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from toolkit import slots
from toolkit.checks import hazards, machine
from toolkit.checks.looks import WITH_COMPOSE, Looks, Problems
from toolkit.engine import build_context, compose_fit, folder_mounts, key_mounts, ports, user_session
from toolkit.engine.compose import Compose
from toolkit.engine.compose_lines import place
from toolkit.errors import BgctlError, NotYet, Refused, caught
from toolkit.images import catalogue, make
from toolkit.images import engine as image_engine
from toolkit.images.shell import Report, ignore
from toolkit.project import Project
from toolkit.rendering import nginx_conf
from toolkit.values import SLOTS

# Versions that stand in a compose file by its variables only, and never because they are written there.
PROBES = ("0.0.0-blue", "0.0.0-green")


class Given(NamedTuple):
    """What a caller sees to by itself: the names of images, and addresses that will be free in time."""

    images: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()


NOTHING = Given()


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
        given: Given = NOTHING,
    ) -> None:
        """`versions` are blue's and green's. `pull`: images that are missing are pulled.

        `spared` gives the services that need no image, because they run as they should and are left alone.
        `probe`: the compose file is read once more with `PROBES`, to see whether the slots depend on their
        versions.
        """
        self.project = project
        self.services = services
        self.pull = pull
        self.probe = probe
        self.spared = spared
        self.given = given
        self._versions = versions
        self._env = project.compose_env(*versions)
        self._found: Compose | None = None

    @property
    def compose(self) -> Compose:
        """The compose file as its command understands it. Raises Failed or Refused where it does not."""
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
        engine = self.project.engine
        yield from engine.troubles()
        return f"{engine.summary}; containers run as {engine.user}"

    def _compose(self) -> Problems:
        project, found = self.project, self.compose
        yield from compose_fit.misfits(project.config, found, *project.compose_files)
        mounts = list(key_mounts.of(found, project.root, project.keys_dir))
        yield from key_mounts.problems(mounts, project.keys_dir, project.compose_files, moves=True)
        if advice := key_mounts.advice(mounts, project.compose_files):
            what = "a key that is replaced is not noticed before its container is"
            yield NotYet(what, advice, "edit the compose file, then: bgctl up")
        yield from folder_mounts.problems(project.config, found, project.root, project.compose_files)
        yield from self._room_for_bodies(found)
        yield from self._place_for_log(found)
        yield from self._taken_along(found)
        if machine.enforces_selinux():
            yield from self._labels(found)
        return f"{project.engine.compose_command}: {len(found.services)} services, on the ports of bgctl.toml"

    def _releases(self) -> Problems:
        """What in the compose file works for plain compose and harms a release."""
        project, found = self.project, self.compose
        yield from compose_fit.unready(project.config, found, *project.compose_files)
        yield from self._alike(found)
        yield from hazards.problems(project, found)
        return "nothing in the compose file is in their way"

    def _alike(self, found: Compose) -> Iterator[BgctlError]:
        """Slots that are the same on every version.

        A project that has been started is not kept from coming back by them: there only doctor looks.
        """
        project, versions = self.project, self._versions
        if self.probe:
            versions = PROBES
            found = project.engine.compose(project.compose_env(*PROBES))
        elif project.adopted:
            return
        serving = self._versions[0] if project.adopted else ""
        yield from compose_fit.alike(project.config, found, project.compose_files, versions, serving)

    def _room_for_bodies(self, found: Compose) -> Iterator[BgctlError]:
        """Whether a body of max_body fits: one client may have half of /tmp (docs/decisions/0037)."""
        project, name = self.project, self.project.config.proxy_service
        wanted = project.config.largest_kept
        size = found.services[name].size_of("/tmp") if name in found.services else None  # noqa: S108
        if wanted is not None and size is not None and size < 2 * wanted.bytes:
            have = f"the proxy's /tmp has {size >> 20} MiB, and one client may have half of that"
            mend = f'tmpfs: ["/tmp:mode=1777,size={2 * wanted.bytes >> 20}m"], or a smaller max_body'
            where = place(project.compose_files, name, "tmpfs")
            yield NotYet(f"{where}: a body of max_body ({wanted}) finds no room", have, f"write {mend}")

    def _place_for_log(self, found: Compose) -> Iterator[BgctlError]:
        """Whether the compose file mounts the folder in which the access log is to be."""
        config, files = self.project.config, self.project.compose_files
        proxy = found.services.get(config.proxy_service)
        if config.proxy.access_log_file and proxy and nginx_conf.LOG_FOLDER not in proxy.mount_points:
            where = place(files, config.proxy_service, "volumes")
            what = f"{where}: the proxy has no folder for its access log"
            why = f'[proxy] access_log_file = "{config.proxy.access_log_file}"'
            yield Refused(what, why, f'add "./proxy/log:{nginx_conf.LOG_FOLDER}" to its volumes')

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
        for service in reversed([each for name, each in images.items() if name not in self.given.images]):
            yield from caught(lambda name=service: self._check_image(found, name))  # type: ignore[misc]
        there = [name for name in self.services if name in found.services]
        yield from hazards.lost_data(self.project.engine, found, there, self.project.compose_files)
        absent = [image for image in images if image and not self.project.engine.has_image(image)]
        if self.probe:
            yield from self._of_another(set(images))
        here_now = f"{len(images) - len(absent)} images are here"
        return f"{here_now}; bgctl up builds {', '.join(absent)}" if absent else here_now

    def _of_another(self, names: set[str]) -> Iterator[BgctlError]:
        """Those of bgctl's own images that another version of it has made."""
        engine = image_engine.Engine(self.project.engine.name, Report(ignore))
        for image in catalogue.IMAGES:
            here = image.name in names and engine.id(image.name)
            if here and not make.is_of_us(engine, image):
                why = "it was made by another bgctl, and what this one renders may not fit it"
                yield NotYet(f"{image.name} is of other sources", why, "bgctl up")

    def _check_image(self, found: Compose, service: str) -> None:
        slots.check_images(self.project, found, [service], self.pull, self._env, builds=True)

    def _ports(self) -> Problems:
        project = self.project
        found = slots.addresses(project, SLOTS)
        wanted = [(name, address) for name, address in found if address not in self.given.addresses]
        later = slots.names(project, "green") if self.probe else []
        for service, address in wanted:
            if service in self.services:
                yield from caught(lambda n=service, a=address: slots.check_port(project, n, a))  # type: ignore[misc]
            elif service in later:
                for error in caught(lambda n=service, a=address: slots.check_port(project, n, a)):  # type: ignore[misc]
                    yield NotYet(error.what, f"{error.why} in the next release", error.next)
        free = sum(ports.is_free(address) for _, address in wanted)
        return f"{free} free, {len(wanted) - free} held by this project"

    def _machine(self) -> Problems:
        engine = self.project.engine
        yield from machine.room({"this project": self.project.root, **engine.storage()})
        if engine.rootless:
            yield from user_session.ends(getpass.getuser())
        return "room on its disks" + (", SELinux enforcing" if machine.enforces_selinux() else "")


def all_services(project: Project) -> list[str]:
    """Every compose service that a project needs at rest: green is left out."""
    return [project.config.proxy_service, *project.config.shared, *slots.names(project, "blue")]
