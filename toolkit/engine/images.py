"""The images of an engine."""

from typing import Any

import msgspec
from msgspec import Struct, field

from toolkit.engine import diagnosis, process
from toolkit.engine.asking import Asking
from toolkit.engine.commands import Commands
from toolkit.engine.container import HealthCheck
from toolkit.errors import Failed

LOOK = 20.0  # seconds
PULL = 600.0  # seconds
PUSH = 3600.0  # seconds


class ImageConfig(Struct, frozen=True):
    """What an image says of its containers: `ports` are its EXPOSE lines, such as "8000/tcp"."""

    ports: dict[str, Any] | None = field(name="ExposedPorts", default=None)
    healthcheck: HealthCheck | None = field(name="Healthcheck", default=None)


class Images(Asking):
    """A look finds nothing when the engine fails, hangs or is absent; `pull` and `push` raise Failed then."""

    commands: Commands

    def has_image(self, image: str) -> bool:
        return bool(self.image_id(image))

    def image_id(self, image: str) -> str:
        """The id of the image that has this name now; "": none is here."""
        return self._look_at(image)[0]

    def image_volumes(self, image: str) -> set[str]:
        """The paths at which an image says that data is kept (VOLUME); empty for one that is not here."""
        _, volumes = self._look_at(image)
        return set(msgspec.json.decode(volumes or "null", type=dict[str, Any] | None) or {})

    def _look_at(self, image: str) -> tuple[str, str]:
        """Its id, and its volumes as JSON; both are empty for one that is not here."""
        try:
            id, _, volumes = self._ask(self.commands.image(image), LOOK).strip().partition(" ")
        except Failed:
            return "", ""
        return id, volumes

    def image_config(self, image: str) -> ImageConfig | None:
        """What an image says of its containers; None: it is not here."""
        try:
            return msgspec.json.decode(self._ask(self.commands.image_config(image), LOOK), type=ImageConfig)
        except (Failed, msgspec.MsgspecError):
            return None

    def pull(self, image: str) -> None:
        try:
            process.run(self.commands.pull(image), timeout=PULL)
        except Failed as error:
            raise diagnosis.of_transfer(error, self.commands.binary, "pull", image) from None

    def push(self, image: str) -> None:
        try:
            process.run(self.commands.push(image), timeout=PUSH)
        except Failed as error:
            raise diagnosis.of_transfer(error, self.commands.binary, "push", image) from None
