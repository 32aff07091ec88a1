"""state/releases.json as values: with which images each version was proven.

A name such as shop:1.6.8 can come to mean another image. The engine's own id, and the digest under which a
registry has the image, cannot.
"""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

SCHEMA: Literal[1] = 1
MOST = 200  # entries; the oldest go first


class Image(Struct, frozen=True, omit_defaults=True):
    """An image, and the compose services that run it.

    `name` is that of the compose file, `id` the engine's, in 64 digits. `digests` have the repository before
    them, such as registry.example/shop@sha256:…; there are none of an image that no registry has.
    """

    name: str
    id: str
    services: tuple[str, ...]
    digests: tuple[str, ...] = ()


class Release(Struct, frozen=True, omit_defaults=True):
    """A version as it was proven at a time (a stamp); `generation` is that of the state then.

    `returned`: it was brought back by `rollback --to`, so that newer versions have been at work on its data.
    `unchanged`: the compose services that its release has left as they were. Their containers run on by the
    images' names of the version before, and belong to this version all the same.
    """

    version: str
    at: str
    generation: int
    images: tuple[Image, ...]
    returned: bool = False
    unchanged: tuple[str, ...] = ()

    def image_of(self, service: str) -> Image | None:
        """The image of a compose service; None: it was not there when this was noted."""
        return next((each for each in self.images if service in each.services), None)

    @property
    def ids(self) -> dict[str, str]:
        """By name."""
        return {each.name: each.id for each in self.images}


class Releases(Struct, frozen=True):
    """Each proof of a version, the oldest first. Of several of one version, the last one counts."""

    releases: tuple[Release, ...] = ()
    schema: Literal[1] = SCHEMA

    def of(self, version: str) -> Release | None:
        return next((each for each in reversed(self.releases) if each.version == version), None)

    def named(self, image: str) -> Image | None:
        """The image that had this name when some version was last proven with it."""
        found = (each for release in reversed(self.releases) for each in release.images)
        return next((each for each in found if each.name == image), None)

    @property
    def last(self) -> list[Release]:
        """The last proof of each version, the newest first."""
        found: dict[str, Release] = {}
        for each in reversed(self.releases):
            found.setdefault(each.version, each)
        return list(found.values())

    def noted(self, new: Release) -> "Releases":
        """With this proof as the last one. It takes the place of an earlier one with just the same images."""
        others = [each for each in self.releases if not (each.version == new.version and each.ids == new.ids)]
        return replace(self, releases=(*others, new)[-MOST:])

    def marked(self, version: str, returned: bool) -> "Releases":
        """With the last proof of a version marked as brought back, or as an ordinary release again."""
        last = self.of(version)
        changed = [replace(each, returned=returned) if each is last else each for each in self.releases]
        return replace(self, releases=tuple(changed))


def dated(found: Iterable[Release]) -> str:
    """ "1.6.8 (2026-01-15), 1.6.7 (2026-01-02)" """
    return ", ".join(f"{each.version} ({each.at[:10]})" for each in found)
