"""Finds the files that come with bgctl: inside an installed package, or at the top of a checkout."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent
_SHARE = _HERE / "share"  # where pyproject.toml has a wheel keep them
CHECKOUT = None if _SHARE.exists() else _HERE.parent  # the folder of the checkout; None: bgctl is installed


def shipped(*parts: str) -> Path:
    """The path of a file or folder, such as `shipped("nginx", "pages")`."""
    installed = _SHARE.joinpath(*parts)
    return installed if installed.exists() else _HERE.parent.joinpath(*parts)
