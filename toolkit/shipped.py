"""Finds the files that come with bgctl: inside an installed package, or at the top of a checkout."""

from pathlib import Path


def shipped(*parts: str) -> Path:
    """The path of a file or folder, such as `shipped("nginx", "pages")`."""
    here = Path(__file__).parent
    installed = here.joinpath("share", *parts)
    return installed if installed.exists() else here.parent.joinpath(*parts)
