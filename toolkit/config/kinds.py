"""The kinds of values that settings have: each knows what may be written, and an example for messages."""

import ipaddress
import re
from typing import Self

from msgspec import Meta

from toolkit.config.engines import KINDS
from toolkit.values import Duration, Text


class DurationOrOff(Duration):
    """A duration for which "off" may be written, too: 0. No other duration of bgctl.toml may be off."""


def Between(least: str, most: str, usual: str) -> Meta:  # noqa: N802  (an annotation, as msgspec's Meta is)
    """The limits of a duration or a size, both included, and its default, as an operator writes them.

    msgspec checks no limits of kinds that are not its own: rules.py does.
    """
    return Meta(extra={"least": least, "most": most, "usual": usual})


class Name(Text):
    kind = "a name: small letters, digits, - and _, a letter or digit first"
    like, pattern = "shop", re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class ServiceName(Text):
    kind = "the name of a compose service: letters, digits, -, _ and ., a letter or digit first"
    like, pattern = "proxy", re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class FileName(Text):
    """A name without a folder, because paths in a compose file count from the folder of that file."""

    kind, like, pattern = "the name of a file in this folder", "compose.yaml", re.compile(r"[^/]+")


class FilePath(Text):
    """A path, because compose reckons those in a further compose file from the folder of the first."""

    kind, like, pattern = "the path of a file", "compose.prod.yaml", re.compile(r"[^\0\n]+")


class Engine(Text):
    kind, like = f"an engine (auto, {', '.join(KINDS)})", "auto"
    pattern = re.compile("|".join(("auto", *KINDS)))

    @property
    def several_hosts(self) -> bool:
        return self in KINDS and KINDS[self].several_hosts


class NodeLabel(Text):
    """A label of swarm nodes: its name, whose value is then "true", or NAME=VALUE; empty: every node."""

    kind, like = "a label of nodes", "shop"
    pattern = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,62}(=[A-Za-z0-9._-]{1,63})?)?")

    @property
    def pair(self) -> tuple[str, str]:
        """The label's name and value."""
        name, _, value = self.partition("=")
        return name, value or "true"


class Route(Text):
    kind = 'a route: it must begin with "/", or with "= /" or "^~ /", and has no blanks or wildcards'
    like, pattern = "/api/", re.compile(r"(= |\^~ )?/[A-Za-z0-9._~+/-]{0,200}")


class Prefix(Text):
    """What paths begin with: it has a location of its own."""

    kind, like = 'the beginning of paths, with a "/" at both ends', "/static/"
    pattern = re.compile(r"(?!.*/\.)(?!/_bgctl/)(/[A-Za-z0-9._~+-]{1,100}){1,5}/")


class Folder(Text):
    """A folder of this project or of the host, a volume of the compose file, or one in a slot's container."""

    kind = 'a folder: "media" of this project, "/srv/media", "volume:media", or "slot:/app/static"'
    like = "media"
    pattern = re.compile(
        r"(?!(.*/)?\.\.?(/|$))(slot:(/[A-Za-z0-9._-]+)+|volume:[A-Za-z0-9][A-Za-z0-9_.-]*|/?[A-Za-z0-9._/-]+)"
    )

    @property
    def in_slot(self) -> str:
        """The path in a slot's container; "": it is shared by all versions."""
        return self.removeprefix("slot:") if self.startswith("slot:") else ""

    @property
    def volume(self) -> str:
        """The name of the volume; "": it is none."""
        return self.removeprefix("volume:") if self.startswith("volume:") else ""

    @property
    def source(self) -> str:
        """What a compose file mounts; a path of the project is reckoned from its folder."""
        return self.volume or (self if self.startswith("/") else f"./{self}")


class Protocol(Text):
    """What the app of a service speaks."""

    kind, like, pattern = "a protocol (http, grpc, h2c)", "http", re.compile(r"http|grpc|h2c")


class HealthPath(Text):
    """A path; or "container": what the engine says of it, which is all that a worker can have; or empty.

    "grpc", or "grpc:" with the name of a service: what grpc.health.v1.Health says of it.
    """

    kind, like = 'a path: it must begin with "/", or be "container", "grpc" or "grpc:SERVICE"', "/healthz"
    pattern = re.compile(r"/[!-~]*|container|grpc(:[A-Za-z0-9_.]{1,127})?")

    @property
    def by_grpc(self) -> bool:
        """Whether it is asked by gRPC's own protocol of health checks."""
        return self.startswith("grpc")

    @property
    def by_engine(self) -> bool:
        """Whether the engine says how the service is."""
        return self in ("container", "")


class Host(Text):
    """A Host header as browsers send it; empty: what bgctl knows of the host itself."""

    kind, like = "a host, with its port where browsers send one", "shop.example"
    pattern = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}(:[0-9]{1,5})?|\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?|")


class Proof(Text):
    """Where a slot shows which version it runs: `header:` is followed by the name of a header."""

    kind, like = 'how a version is proven ("image", "json", "header:X-App-Version")', "image"
    pattern = re.compile(r"image|json|header:[A-Za-z][A-Za-z0-9-]{0,60}")


class Path(Text):
    """A path below the project's folder, without a step up; or empty."""

    kind, like = "a path below this folder", "certs/fullchain.pem"
    pattern = re.compile(r"(?!/)(?!(.*/)?\.\.?(/|$))[A-Za-z0-9._/-]+|")


class Size(Text):
    kind, like, pattern = "a size", "100m", re.compile(r"[1-9][0-9]{0,8}[kmg]")

    @property
    def bytes(self) -> int:
        return int(self[:-1]) << {"k": 10, "m": 20, "g": 30}[self[-1]]


class Network(Text):
    """An address, or a network in CIDR form."""

    kind, like, pattern = "an address or a network", "10.0.0.0/8", re.compile(r"[0-9a-fA-F:.]+(/[0-9]{1,3})?")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError with what to write."""
        try:
            return cls(ipaddress.ip_network(super().parse(text)))
        except ValueError:
            raise ValueError(f'{text!r} is not {cls.kind}; write one like "{cls.like}"') from None


class HeaderName(Text):
    kind, like, pattern = "the name of a header", "X-Frame-Options", re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")


class HeaderValue(Text):
    """What nginx takes between double quotes as it stands; empty: the header is not sent."""

    kind, like = 'the value of a header, without ", $ or \\, and of 4000 characters at most', "SAMEORIGIN"
    pattern = re.compile(r"[ !#%-\[\]-~]{0,4000}")


class Link(Text):
    kind, like = "the address of a server", "http://127.0.0.1:9090"
    pattern = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?|")


class CookieStem(Text):
    """What the names of cookies begin with, after `__Host-`."""

    kind = "the beginning of the names of cookies: letters, digits, - and _, a letter first, at most 24"
    like, pattern = "shop", re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,23}")


class CookieName(Text):
    kind, like, pattern = "the name of a cookie", "token", re.compile(r"[A-Za-z0-9_.-]{1,128}")


class ClaimName(Text):
    kind, like, pattern = "the name of a claim", "deploymentVersion", re.compile(r"[!-~]{1,128}")


class Domain(Text):
    """A name that hosts of one site share, as a registry gives it; empty: each host has its own cookies."""

    kind, like = "a domain in small letters, without a leading dot", "shop.example"
    pattern = re.compile(
        r"(?=.{3,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])|"
    )


class SameSite(Text):
    kind, like, pattern = "a SameSite of cookies (lax, none)", "lax", re.compile(r"lax|none")


class Migrate(Text):
    kind, like = "when sessions may move (never, idle, navigation)", "never"
    pattern = re.compile(r"never|idle|navigation")


class Origin(Text):
    """Where browsers come, without a path; empty: as [proxy] and [tls] listen."""

    kind, like = "an address such as a browser shows, without a path", "https://shop.example"
    pattern = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?|")


class Email(Text):
    """Where the authority writes to; empty: nowhere."""

    kind, like = "an e-mail address", "ops@shop.example"
    pattern = re.compile(r"[A-Za-z0-9.!#$%&*+/=?^_{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}|")


class Directory(Text):
    """The address of an authority's directory (RFC 8555, section 7.1.1)."""

    kind, like = "the HTTPS address of an ACME directory", "https://acme-v02.api.letsencrypt.org/directory"
    pattern = re.compile(r"https://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/?=&-]*)?")
