"""What the compose file and an image say of a service: its port, its health path, its version.

Each guess says from what it was made: that stands beside it in bgctl.toml.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from msgspec import Struct

from toolkit.engine.compose import ComposeService
from toolkit.engine.compose_forms import Binding
from toolkit.engine.images import ImageConfig
from toolkit.values import Address, is_version

T = TypeVar("T")
# Of several ports, the one that speaks HTTP is most likely one of these, the first one first.
HTTP_PORTS = (80, 8080, 8000, 3000, 5000, 8888, 4000, 9000, 8081, 5173)
TLS_PORTS = (443, 8443)  # an app behind a proxy is asked by plain HTTP
_URL = re.compile(
    r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?::([^/\s\"'?|;&)]+))?(/[^\s\"'|;&)\\<>`]*)?"
)
NONE = ImageConfig()


class Guess(Struct, Generic[T], frozen=True):
    """A value, and from what it was guessed: a few words for a comment."""

    value: T
    source: str


def port(service: ComposeService, image: ImageConfig) -> Guess[int] | None:
    """The port in the container; None: nothing says it."""
    tested = [number for _, number in health_urls(service, image) if number]
    for numbers, source in (
        ([each.target for each in service.bindings], "from ports"),
        (service.exposed, "from expose"),
        (tested, "from the healthcheck"),
        (_of_image(image), "from EXPOSE of its image"),
        (_of_environment(service), "from PORT in its environment"),
    ):
        if numbers:
            return Guess(_likeliest(numbers, tested), source)
    return None


def _likeliest(numbers: list[int], tested: Iterable[int]) -> int:
    plain = [number for number in numbers if number not in TLS_PORTS] or numbers
    for known in (*tested, *HTTP_PORTS):
        if known in plain:
            return known
    return plain[0]


def _of_image(image: ImageConfig) -> list[int]:
    named = [text.partition("/") for text in image.ports or {}]
    return [int(number) for number, _, kind in named if number.isdigit() and kind in ("", "tcp")]


def _of_environment(service: ComposeService) -> list[int]:
    said = service.variable("PORT") or ""
    return [int(said)] if re.fullmatch(r"[1-9][0-9]{0,4}", said) else []


def binding(service: ComposeService, port: int) -> Binding | None:
    """Where the host publishes a port of the container; None: nowhere that stays the same."""
    found = (each for each in service.bindings if each.target == port and each.published)
    return next(found, None)


def listen(published: Binding, by_ipv6: bool = False) -> Address:
    """The address at which people reach a published port today. `by_ipv6`: by that family, too."""
    host = published.host or ("::" if by_ipv6 else "0.0.0.0")  # noqa: S104  (as it is published today)
    return Address.parse(
        f"[{host}]:{published.published}" if ":" in host else f"{host}:{published.published}"
    )


def health(service: ComposeService, image: ImageConfig, port: int) -> Guess[str] | None:
    """The path that its healthcheck asks; None: there is none, or it asks none of its own port."""
    for path, number in health_urls(service, image):
        if path and number in (0, port):
            return Guess(path, "its healthcheck asks this path")
    return None


def checked(service: ComposeService, image: ImageConfig) -> bool:
    """Whether the engine checks its health."""
    return bool(_test(service, image))


def health_urls(service: ComposeService, image: ImageConfig) -> Iterator[tuple[str, int]]:
    """Path and port of each address of its own that its healthcheck asks; 0: a port from a variable."""
    for match in _URL.finditer(_test(service, image)):
        number, path = match[1] or "80", match[2] or "/"
        yield path, int(number) if number.isdigit() else 0


def _test(service: ComposeService, image: ImageConfig) -> str:
    """The command of its healthcheck: the compose file's comes before the image's; "": there is none."""
    if service.health_test is not None:
        return service.health_test
    test = image.healthcheck.test if image.healthcheck else None
    return "" if not test or test[0] == "NONE" else " ".join(test)


def version(image: str, described: str) -> Guess[str]:
    """The version that runs today. `described` is what git calls the checkout; "": nothing."""
    if (tag := tag_of(image)) and tag != "latest" and is_version(tag):
        return Guess(tag, f"the tag of {image}")
    if is_version(described) and "+" not in described:  # which no tag of an image may have
        return Guess(described, "from git describe")
    return Guess("1", "nothing says which version this is")


def tag_of(image: str) -> str:
    """The tag in an image's name; "": it has none."""
    head, colon, tag = image.partition("@")[0].rpartition(":")
    return tag if colon and head and "/" not in tag else ""
