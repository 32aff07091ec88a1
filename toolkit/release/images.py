"""Green's images on one version: built where the compose file says how, pushed, or pulled."""

from functools import cached_property

from toolkit import slots
from toolkit.compose import Compose
from toolkit.release import depends
from toolkit.site import Site


class Images:
    def __init__(self, site: Site, version: str) -> None:
        self._site = site
        self._env = slots.env_with(site, "green", version)
        self._may_build = True

    def leave(self) -> None:
        """Nothing is to be built."""
        self._may_build = False

    @cached_property
    def _compose(self) -> Compose:
        return self._site.compose(self._env)

    @cached_property
    def _services(self) -> list[str]:
        """Green's, and the one-shots that run before it; of those that share an image, one."""
        green = slots.names(self._site, "green")
        taken = {self._compose.image(name) for name in green}
        needed = depends.plan(self._site, self._compose, green)
        once = [each.service for each in needed if each.one_shot]
        return [*green, *[name for name in once if self._compose.image(name) not in taken]]

    @property
    def buildable(self) -> list[str]:
        """The services whose images the compose file says how to make."""
        if not self._may_build:
            return []
        return [name for name in self._services if self._compose.services[name].build]

    @property
    def to_push(self) -> list[str]:
        """What is built here and has a registry to go to."""
        return [image for image in self._names(self.buildable) if not image.startswith("localhost/")]

    @property
    def to_pull(self) -> list[str]:
        """What is not built and not here."""
        others = [name for name in self._services if name not in self.buildable]
        return [image for image in self._names(others) if not self._site.engine.has_image(image)]

    def build(self) -> str:
        """Returns a note, as the others do."""
        self._site.engine.build(self.buildable, self._env)
        return f"built {', '.join(self._names(self.buildable))}"

    def push(self) -> str:
        for image in self.to_push:
            self._site.engine.push(image)
        return f"pushed {', '.join(self.to_push)}"

    def pull(self) -> str:
        """Raises Refused for an image that cannot be had."""
        images = self.to_pull
        slots.check_images(self._site, self._compose, self._services, pull=True)
        return f"pulled {', '.join(images)}"

    def _names(self, services: list[str]) -> list[str]:
        return list(dict.fromkeys(self._compose.image(name) for name in services))
