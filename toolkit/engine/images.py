"""The images of an engine."""

import re
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from toolkit.config.engines import ENGINES
from toolkit.engine import diagnosis, process
from toolkit.engine.asking import Asking
from toolkit.engine.commands import Commands
from toolkit.engine.compose_forms import repository
from toolkit.engine.container import HealthCheck
from toolkit.errors import Failed

LOOK = 20.0  # seconds
CHANGE = 60.0  # seconds for a name that comes or goes
REMOVE = 300.0  # seconds: layers are deleted with the last name of an image
PULL = 600.0  # seconds
PUSH = 3600.0  # seconds
FAMILIES = Path("/proc/sys/net")  # has a folder for each that this machine knows
_SIZES = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}


class ImageFacts(Struct, frozen=True):
    """What an engine knows of an image: its names, and the digests under which registries have it.

    A digest has the name before it: "registry.example/shop@sha256:…".
    """

    given_id: str = field(name="Id")
    tags: list[str] | None = field(name="RepoTags", default=None)
    digests: list[str] | None = field(name="RepoDigests", default=None)

    @property
    def id(self) -> str:
        return plain_id(self.given_id)


def plain_id(image_id: str) -> str:
    """An id in its 64 digits, which both engines understand; docker writes "sha256:" before them."""
    return image_id.removeprefix("sha256:")


class ImageConfig(Struct, frozen=True):
    """What an image says of its containers: `ports` are its EXPOSE lines, such as "8000/tcp"."""

    ports: dict[str, Any] | None = field(name="ExposedPorts", default=None)
    healthcheck: HealthCheck | None = field(name="Healthcheck", default=None)


class Images(Asking):
    """A look finds nothing when the engine fails, hangs or is absent; a change raises Failed then."""

    commands: Commands

    def try_out(self, image: str, folder: Path, target: str, *argv: str) -> str:
        """Runs an image once, as the owner of a folder of this host, and with it; returns what it says."""
        owner, families = folder.stat(), [each.name for each in sorted(FAMILIES.glob("ipv*"))]
        user = f"{owner.st_uid}:{owner.st_gid}"
        command = self.commands.try_out(image, folder, target, user, families, *argv)
        return process.run(command, timeout=CHANGE, both=True, called=f"a container of {image}")

    def check_reach(self, image: str, built: bool) -> None:
        """Raises Refused where another host of the project could not have an image. `built`: here."""

    def has_image(self, image: str) -> bool:
        return bool(self.image_id(image))

    def image_id(self, image: str) -> str:
        """The id of the image that has this name now; "": none is here."""
        return self._look_at(image)[0]

    def image_facts(self, image: str) -> ImageFacts | None:
        """The image of this name, id or digest; None: it is not here."""
        try:
            text = process.run(self.commands.image_facts(image), timeout=LOOK)
        except Failed:
            return None
        return next(iter(msgspec.json.decode(text, type=list[ImageFacts])), None)

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

    def image_users(self, image_id: str) -> list[str]:
        """The names of all containers that were started from an image. Raises Failed."""
        return process.run(self.commands.users(image_id), timeout=LOOK).split()

    def images_size(self) -> float | None:
        """Bytes that all images take, as the engine rounds them; None: it does not say."""
        try:
            lines = process.run(self.commands.disk_use(), timeout=CHANGE).splitlines()
        except Failed:
            return None
        told = dict(line.split("\t", 1) for line in lines if "\t" in line)
        return size_of(told.get("Images", ""))

    def tag(self, image: str, name: str) -> None:
        """Gives an image, named by id or digest, this name; another image that had it loses it."""
        process.run(self.commands.tag(image, name), timeout=CHANGE)

    def remove_image(self, name: str) -> None:
        process.run(self.commands.remove_image(name), timeout=REMOVE)

    def pull(self, image: str) -> None:
        try:
            process.run(self.commands.pull(image), timeout=PULL)
        except Failed as error:
            raise diagnosis.of_transfer(error, self.commands.binary, "pull", image) from None

    def push(self, image: str) -> None:
        """Afterwards `image_facts` has the digest that the image has in its registry."""
        try:
            if ENGINES[self.commands.binary].notes_pushed_digest:
                process.run(self.commands.push(image), timeout=PUSH)
            else:
                self._push_and_note(image)
        except Failed as error:
            raise diagnosis.of_transfer(error, self.commands.binary, "push", image) from None

    def _push_and_note(self, image: str) -> None:
        """A pull by its digest, which has nothing to fetch, is what podman notes it by."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "digest")
            process.run(self.commands.push(image, file), timeout=PUSH)
            digest = file.read_text().strip()
        process.run(self.commands.pull(f"{repository(image)}@{digest}"), timeout=PULL)


def digests_of(name: str, facts: ImageFacts) -> list[str]:
    """The digests by which the registry in the name may have the image; docker's last one comes first.

    podman has digests of what no registry has, too: of "localhost/shop" they are left out.
    """
    wanted = _full(repository(name))
    if wanted.startswith("localhost/"):
        return []
    return [each for each in reversed(facts.digests or []) if _full(repository(each)) == wanted]


def size_of(text: str) -> float | None:
    """Bytes of "2.586GB", as engines write sizes; None of any other text."""
    found = re.fullmatch(r"([0-9.]+) ?([kmgt]?)B", text.strip(), re.IGNORECASE)
    return float(found[1]) * _SIZES[found[2].lower()] if found else None


def _full(repository: str) -> str:
    """As podman writes it, which puts a registry before each name: "docker.io/library/nginx" of "nginx"."""
    host, slash, _ = repository.partition("/")
    if slash and (host == "localhost" or "." in host or ":" in host):
        return repository
    return f"docker.io/{repository}" if slash else f"docker.io/library/{repository}"
