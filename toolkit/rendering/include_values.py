"""The operator's own lines for nginx ([proxy] include) as values: as read, and as nginx has them."""

import re

from msgspec import Struct
from msgspec.structs import replace

from toolkit.rendering.include_words import quoted

_COMPLAINT = re.compile(r"(?m)^(?:.*\[emerg\] (?:\d+#\d+: )?)?(.*) in /etc/bgctl/nginx\.conf[^:\n]*:(\d+)")


def blamed(complaint: str, conf: str) -> tuple[str, str] | None:
    """(file:line, what is wrong) if nginx complains of an operator's line: a comment says whence it is.

    `complaint` is of `nginx -t`, and `conf` the nginx.conf that it has tested.
    """
    if not (found := _COMPLAINT.search(complaint)):
        return None
    lines = conf.splitlines()
    line = lines[int(found[2]) - 1] if int(found[2]) <= len(lines) else ""
    where = re.search(r"[;{]  # (\S+:\d+)$", line)
    return (where[1], found[1]) if where else None


class Directive(Struct, frozen=True):
    """As the parser has found it; `block` is None where it has none."""

    name: str
    args: tuple[str, ...]
    line: int
    block: "tuple[Directive, ...] | None" = None


class Line(Struct, frozen=True):
    """A directive for nginx.conf, and where it was written: file:line."""

    text: str
    where: str


class Place(Struct, frozen=True):
    """A location that answers by itself. `route` is as in bgctl.toml."""

    route: str
    where: str
    lines: tuple[Line, ...]


class Guard(Struct, frozen=True):
    """Who asks for a path that begins like this must give a password; realm "off": needs none."""

    path: str
    exact: bool
    realm: str
    where: str
    passwords: str = ""

    @property
    def pattern(self) -> str:
        return quoted(f"~^{re.escape(self.path)}" + r"\z" * self.exact)

    @property
    def quoted_realm(self) -> str:
        return quoted(self.realm)


class Include(Struct, frozen=True):
    """`usual` is for the paths that no one of `guards` names. Who is of `let_in` needs no password."""

    rewrites: tuple[Line, ...] = ()
    places: tuple[Place, ...] = ()
    usual: Guard | None = None
    guards: tuple[Guard, ...] = ()
    access: tuple[Line, ...] = ()
    let_in: tuple[str, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether anybody is asked for a password."""
        return any(each.passwords for each in self._all)

    @property
    def password_files(self) -> list[tuple[str, str]]:
        """(path in the project, who names it) of each, once."""
        return list(
            {each.passwords: (each.passwords, each.where) for each in self._all if each.passwords}.values()
        )

    @property
    def _all(self) -> list[Guard]:
        return [*self.guards, *([self.usual] if self.usual else [])]

    def with_passwords(self, places: dict[str, str]) -> "Include":
        """The same, with the copies below proxy/ in place of the files in the project."""

        def placed(guard: Guard) -> Guard:
            return replace(guard, passwords=places.get(guard.passwords, ""))

        usual = placed(self.usual) if self.usual else None
        return replace(self, usual=usual, guards=tuple(placed(each) for each in self.guards))
