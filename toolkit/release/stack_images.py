"""The images that bgctl makes itself, before a start: those that are missing, or made by another bgctl."""

from collections.abc import Callable

from toolkit.engine.compose import Compose
from toolkit.engine.container import Container
from toolkit.errors import BgctlError
from toolkit.images import catalogue, make, shell
from toolkit.images.catalogue import Image
from toolkit.images.engine import Engine
from toolkit.project import Project
from toolkit.release import needs, shared_services
from toolkit.release.steps import Step


class StackImages:
    """Those of proxy, session API and store, where the compose file names them as bgctl does.

    An image of another name is its owner's.
    """

    def __init__(self, project: Project, found: Compose) -> None:
        needed = [each.service for each in needs.everything(project, found)]
        stores = shared_services.stores(project, found)
        services = [
            name
            for name in dict.fromkeys(
                [project.config.proxy_service, *project.config.shared, *stores, *needed]
            )
            if name in found.services
        ]
        self.services = {name: image for name in services if (image := found.image(name)) in catalogue.NAMES}
        self.images = [image for image in catalogue.IMAGES if image.name in self.services.values()]
        self._project = project

    @property
    def stale(self) -> list[Image]:
        """Those that are missing, or made of the sources of another bgctl."""
        engine = self._engine()
        return [image for image in self.images if not make.is_of_us(engine, image)]

    def outrun(self) -> dict[str, Container]:
        """The containers that run an image from before, by service."""
        engine = self._project.engine
        there = {name: each for name, each in engine.containers().items() if each.state.running}
        return {
            service: there[service]
            for service, image in self.services.items()
            if service in there and there[service].image_id != engine.image_id(image)
        }

    def warn_of_old(self) -> None:
        """Says which services run an image from before: `up` leaves alone what runs."""
        if old := self.outrun():
            runs = "runs" if len(old) == 1 else "run"
            away = "; people are not served meanwhile" if self._project.config.proxy_service in old else ""
            stop = f"{self._project.engine.name} stop {' '.join(each.id[:12] for each in old.values())}"
            what = f"{' and '.join(old)} {runs} an image from before"
            self._project.ui.warn(
                f"{what}, until stopped once; next, in a quiet minute: {stop}; bgctl up{away}"
            )

    def make(self) -> str:
        """Returns a note. Raises Refused or Failed."""
        engine = self._engine()
        with shell.only_one(engine.report):
            found = [image.name for image in self.images if engine.id(image.name)]
            made = make.make(engine, self.stale)
        told = [f"{each.name} (was of another bgctl)" if each.name in found else each.name for each in made]
        return f"made {', '.join(told)}" if told else "another bgctl has made them"

    def _engine(self) -> Engine:
        return Engine(self._project.engine.name, shell.Report(self._project.ui.progress))


def steps(project: Project, found: Compose, indispensable: Callable[[], set[str]]) -> list[Step]:
    """A step where any image is bgctl's own.

    `indispensable` gives the services whose images must be here, or nothing can be started: where the others
    cannot be made, that is only warned of.
    """
    ours = StackImages(project, found)
    if not ours.images:
        return []
    stale = ours.stale
    if not stale:
        ours.warn_of_old()

    def do() -> str:
        try:
            note = ours.make()
        except BgctlError as error:
            missing = {name for name, image in ours.services.items() if not project.engine.has_image(image)}
            if not project.adopted or missing & indispensable():
                raise
            project.ui.warn(error.line)
            return "could not be made; what is here stays in use"
        ours.warn_of_old()
        return note

    names = ", ".join(image.name for image in stale)
    return [
        Step(
            name="images",
            what=f"make {names}: not here, or made by another bgctl",
            do=do,
            needed=lambda: bool(stale),
            skipped="those of proxy and session API are of this bgctl",
        )
    ]
