"""Proves a slot's version by its container's image, which is what `version = "image"` asks for.

A slot is of a version when its container runs the image that the compose file has for that version. Images
are told apart by their tags alone: the same image in another registry is no other version. A service that a
release has left unchanged runs on by an older name, and is told by its image's id. Where the engine
gives no answer, that to the health check stands alone, because routing must not wait for an engine.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from msgspec import structs

from toolkit.errors import BgctlError
from toolkit.health import proof
from toolkit.health.answer import Fault
from toolkit.health.check import Check

if TYPE_CHECKING:
    from toolkit.engine.container import Container

AGAIN = 30.0  # seconds until an engine that was silent is asked again


def tag(image: str) -> str:
    """ "1.6.7" of "shop/web:1.6.7"; the digest where a name has no tag."""
    named = image.rpartition("/")[2].partition(":")[2]
    return named.partition("@")[0] or "latest"


def says(image: str, version: str) -> bool:
    """Whether the name of an image has the version, such as "v1.6.7-slim"."""
    return re.search(rf"(?<!\d){re.escape(version)}(?!\d)", tag(image)) is not None


class ImageProof:
    """Asks the engine for containers (`containers()`, by service) and the compose file for images.

    `image_of(service, version)` is the image that the compose file has. `runs_on(service, version)` is the id
    of the image of a service that was left unchanged by the release of that version, else "".
    """

    def __init__(
        self,
        containers: Callable[[], Mapping[str, "Container"]],
        image_of: Callable[[str, str], str],
        runs_on: Callable[[str, str], str] = lambda service, version: "",
    ) -> None:
        self._containers = containers
        self._image_of = image_of
        self._runs_on = runs_on
        self._known: dict[tuple[str, str], str | None] = {}
        self._silent_since: float | None = None

    def fault(self, name: str, check: Check, version: str) -> Fault | None:
        """Why the container of a compose service does not prove `version`; None: it does, or is unknown."""
        found = self._ask()
        if found is None:
            return None
        container = found.get(name)
        if container is None or not container.state.running:
            return Fault("image", f"something answers at {check.address}, and no container of {name} runs")
        runs = container.config.image
        if tag(runs) == version or container.has_image(self._runs_on(name, version)):
            return None
        wanted = self._wanted(name, version)
        if wanted is None:
            return None
        if tag(runs) != tag(wanted):
            return Fault("image", f"runs {runs}, wanted {wanted}")
        return None if says(wanted, version) else self._by_answer(check, runs, version)

    def _by_answer(self, check: Check, image: str, version: str) -> Fault | None:
        """For an image whose name is the same for each version: whether the app itself says the version."""
        if check.by_engine:
            return Fault("name", f"runs {image}, and that name does not say {version}")
        if proof.probe(structs.replace(check, proof="json"), version) is None:
            return None
        return Fault("name", f"runs {image}, and neither that name nor its answer says {version}")

    def _ask(self) -> Mapping[str, "Container"] | None:
        if self._silent_since is not None and time.monotonic() - self._silent_since < AGAIN:
            return None
        try:
            found = self._containers()
        except BgctlError:
            self._silent_since = time.monotonic()
            return None
        self._silent_since = None
        return found

    def _wanted(self, name: str, version: str) -> str | None:
        """The image that the compose file has, asked once for each version: that takes about a second."""
        if (name, version) not in self._known:
            try:
                self._known[name, version] = self._image_of(name, version)
            except BgctlError:
                return None
        return self._known[name, version]
