"""Where images are made: in the cache of this user, or in that of the checkout."""

import os
from pathlib import Path

from toolkit.errors import AGAIN, Refused
from toolkit.shipped import CHECKOUT


def root() -> Path:
    """Everything below it can be removed at any time, and is then fetched or made again."""
    if CHECKOUT:
        return CHECKOUT / ".cache"
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))  # one that is not absolute is to be ignored
    try:
        cache = named if named.is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        why, mend = "this user has no home", f"export XDG_CACHE_HOME=FOLDER; {AGAIN}"
        raise Refused("there is no folder for what images are made of", why, mend) from None
    return cache / "bgctl"


def images() -> Path:
    """Base images as tar files, packages from the package index, and the build context."""
    return root() / "images"


def log() -> Path:
    """What the commands of the last run have printed."""
    return root() / "setup" / "images.log"
