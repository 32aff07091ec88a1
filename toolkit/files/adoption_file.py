"""state/adoption.json: an adoption that is under way. It is there from before its first change to its end."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from toolkit.errors import BgctlError, Failed, NotYet, Refused
from toolkit.files import atomic

NAME = "adoption.json"
REDIRECT, GAP = "redirect", "gap"


class Adoption(Struct, frozen=True):
    """`since` is a stamp, `way` REDIRECT or GAP, and `old` the ids of the containers that blue replaces.

    `temporary` has, by public listener, the address at which the proxy listens until it can have that one.
    `real`: it listens at the public one too, or is about to. `stopped`: the old containers are stopped, or
    are about to be. `tagged` are the images' names that this adoption has given, `kept` the shared services
    that ran before it.
    """

    since: str
    way: str
    old: tuple[str, ...]
    temporary: dict[str, str]
    real: bool = False
    stopped: bool = False
    tagged: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def pending(self) -> frozenset[str]:
        """The public listeners that the proxy does not have yet."""
        return frozenset() if self.real else frozenset(self.temporary)


def read(state_dir: Path) -> Adoption | None:
    """None: no adoption is under way. Raises Failed for a file that was damaged."""
    path = state_dir / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Adoption)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failed(f"{path} cannot be read", str(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        why = f"{error}; it says how far an adoption has come"
        raise Failed(f"{path} is damaged", why, f"rm {path}, then: bgctl adopt") from None


def write(state_dir: Path, new: Adoption) -> None:
    """Raises Failed when the disk is full or broken."""
    atomic.write(state_dir / NAME, msgspec.json.encode(new) + b"\n")


def remove(state_dir: Path) -> None:
    (state_dir / NAME).unlink(missing_ok=True)


def check(state_dir: Path) -> None:
    """Raises Refused while an adoption is under way: only `bgctl adopt` knows what it has begun."""
    for error in problems(state_dir):
        raise Refused(error.what, error.why, error.next)


def problems(state_dir: Path) -> Iterator[BgctlError]:
    """That an adoption is under way, and what to type then."""
    if found := read(state_dir):
        why = "what ran before still has its part in it"
        next = "bgctl adopt   (goes on)" + ("" if found.stopped else ", or: bgctl adopt --back   (undoes it)")
        yield NotYet(f"an adoption is under way since {found.since}", why, next)
