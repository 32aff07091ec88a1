"""Finds the files that come with bgctl: inside an installed package, or at the top of a checkout."""

import os
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_SHARE = _HERE / "share"  # where pyproject.toml has a wheel keep them
CHECKOUT = None if _SHARE.exists() else _HERE.parent  # the folder of the checkout; None: bgctl is installed

# How the names of the images begin that bgctl makes: in compose/bgctl.yaml, and where two are at work on one
# machine that must not take each other's.
SHARED = "localhost/bgctl"
PREFIX = f"localhost/{os.environ.get('BGCTL_IMAGES', 'bgctl')}"


def shipped(*parts: str) -> Path:
    """The path of a file or folder, such as `shipped("nginx", "pages")`."""
    installed = _SHARE.joinpath(*parts)
    return installed if installed.exists() else _HERE.parent.joinpath(*parts)
