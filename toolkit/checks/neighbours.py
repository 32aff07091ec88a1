"""Other projects on this host whose cookies browsers would take for ours.

They are of one host name, or of one [pin] domain, and the cookies' names are alike. Only those whose proxy
runs on our engine can be seen: behind one load balancer there may be others elsewhere.
"""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from toolkit import config
from toolkit.config import Config, public_url
from toolkit.errors import BgctlError

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def alike(ours: Config, folders: Iterable[Path]) -> list[Config]:
    """The projects in `folders` with the host name and the cookies' names of ours."""
    return [theirs for folder in folders if (theirs := _load(folder)) and _same(ours, theirs)]


def host(found: Config) -> str:
    """By which name browsers know it, as far as its configuration says. Cookies know no ports."""
    name = urlsplit(public_url.base(found)).hostname or ""
    return LOOPBACK[0] if name in LOOPBACK else name


def _same(ours: Config, theirs: Config) -> bool:
    one, other = ours.proxy, theirs.proxy
    names = (one.cookie_stem, one.secure_cookies) == (other.cookie_stem, other.secure_cookies)
    near = host(ours) == host(theirs) or (ours.pin.domain and ours.pin.domain == theirs.pin.domain)
    return names and ours.project.name != theirs.project.name and bool(near)


def _load(folder: Path) -> Config | None:
    """None where we may not read it, or where it is no project of ours."""
    try:
        return config.load(folder / "bgctl.toml")
    except (BgctlError, OSError):
        return None
