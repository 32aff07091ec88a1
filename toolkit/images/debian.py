"""mmdebstrap, which makes base images from Debian packages where no registry has the official ones."""

import os
from collections.abc import Sequence
from pathlib import Path

from toolkit.engine import process
from toolkit.errors import AGAIN, Failed, Refused
from toolkit.images.shell import Report, run

PACKAGES = ("mmdebstrap", "debian-archive-keyring")
WHAT = "the base images are not to be had"


def require_mmdebstrap(official: Sequence[str], report: Report) -> None:
    """Install it where it is missing and that is possible. Raises Refused, or Failed.

    `official` are the images that no registry gave.
    """
    if process.which("mmdebstrap"):
        return
    if not (_is_debian() and process.which("apt-get")):
        why = "no registry gave them, and Debian packages make them only where there is mmdebstrap"
        there = "; ".join(f"docker pull {name}" for name in official)
        load = f"where a registry answers: {there}; then docker save them, and docker load them here"
        own = "or name images of your own in the env file: BGCTL_PROXY_IMAGE, BGCTL_SESSION_API_IMAGE"
        raise Refused(WHAT, why, f"{load}; {own}")
    if os.getuid() != 0:
        why = "no registry gave them, and to make them from Debian packages takes mmdebstrap"
        raise Refused(
            WHAT, why, f"sudo apt-get install {' '.join(PACKAGES)}, then run the same command again"
        )
    report.tell(
        "no registry gave the base images: installing mmdebstrap, which makes them of Debian packages"
    )
    _install(report)


def _is_debian() -> bool:
    return Path("/etc/debian_version").exists()


def _install(report: Report) -> None:
    install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "--no-install-recommends"]
    install += ["-o", "DPkg::Lock::Timeout=300", *PACKAGES]
    try:
        try:
            run(install, report)
        except Failed:  # A fresh machine's lists of packages are missing or old.
            run(["apt-get", "update"], report)
            run(install, report)
    except Failed as error:
        next = f"apt-get install {' '.join(PACKAGES)}; {AGAIN}"
        raise Failed("mmdebstrap could not be installed", error.why, next, error.detail) from None
