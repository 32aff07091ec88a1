"""state/releases.json on disk: with which images each version was proven."""

import shlex
from pathlib import Path

import msgspec

from toolkit.errors import Failed
from toolkit.files import atomic
from toolkit.state.releases import Releases

NAME = "releases.json"


def read(state_dir: Path) -> Releases:
    """Empty where nothing has been noted. Raises Failed where what is there cannot be used."""
    path = state_dir / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Releases)
    except FileNotFoundError:
        return Releases()
    except (OSError, msgspec.MsgspecError) as error:
        aside = f"mv {shlex.quote(str(path))} {shlex.quote(str(path.with_suffix('.broken')))}"
        raise Failed(f"{path} cannot be used", str(error), f"{aside}   (versions are noted anew)") from None


def image_left(state_dir: Path, service: str, version: str) -> str:
    """The id of the image of a compose service that this version's release has left unchanged; else ""."""
    try:
        release = read(state_dir).of(version)
    except Failed:
        return ""  # that it cannot be used is told where something starts
    image = release.image_of(service) if release and service in release.unchanged else None
    return image.id if image else ""


def write(state_dir: Path, new: Releases) -> None:
    """Raises Failed, with the old file intact, when the disk is full or broken."""
    atomic.write(state_dir / NAME, msgspec.json.format(msgspec.json.encode(new), indent=2) + b"\n")
