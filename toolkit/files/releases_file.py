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


def write(state_dir: Path, new: Releases) -> None:
    """Raises Failed, with the old file intact, when the disk is full or broken."""
    atomic.write(state_dir / NAME, msgspec.json.format(msgspec.json.encode(new), indent=2) + b"\n")
