"""Base images: already there, pulled, or made from Debian packages with mmdebstrap."""

import os
import platform
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from toolkit.engine import diagnosis, process
from toolkit.errors import AGAIN, Failed
from toolkit.images import debian, places
from toolkit.images.catalogue import Base
from toolkit.images.digest import digest
from toolkit.images.engine import Engine
from toolkit.images.shell import Report, answer, end_all, run

SUITE = "trixie"
UNNEEDED = ("doc", "man", "locale")  # below /usr/share


def ensure(engine: Engine, bases: Sequence[Base]) -> None:
    """Leave every base in the engine under our name for it."""
    wanted = [
        base for base in bases if engine.label(base.name) != recipe(base) and not tag_upstream(engine, base)
    ]
    make_tars([base for base in wanted if not tar(base).exists()], engine.report)
    for base in wanted:
        engine.report.tell(f"importing {base.name}")
        engine.load(base.name, tar(base), recipe(base))


def is_current(engine: Engine, base: Base) -> bool:
    """Whether `ensure` would leave it as it is."""
    if engine.label(base.name) == recipe(base):
        return True
    return is_official(engine, base) and engine.id(base.name) == engine.id(base.upstream)


def is_official(engine: Engine, base: Base) -> bool:
    """Whether the official image is here. One with a label of ours is a stand-in for it."""
    return bool(engine.id(base.upstream)) and not engine.label(base.upstream)


def tag_upstream(engine: Engine, base: Base) -> bool:
    """Give the official image our name. False when it is neither here nor to be had."""
    if not is_official(engine, base) and not engine.pull(base.upstream):
        return False
    engine.run("tag", base.upstream, base.name)
    return True


def recipe(base: Base) -> str:
    """Hash of what the Debian variant is made from."""
    return digest(SUITE, platform.machine(), base.packages, UNNEEDED)


def tar(base: Base) -> Path:
    """Where the Debian variant is kept, for all engines."""
    return places.images() / f"base-{recipe(base)}.tar"


def make_tars(bases: Sequence[Base], report: Report) -> None:
    """Make the missing tars side by side."""
    if not bases:
        return
    debian.require_mmdebstrap([base.upstream for base in bases], report)
    for stale in places.images().glob("*.unfinished.tar"):
        stale.unlink()
    with ThreadPoolExecutor() as pool:
        try:
            list(pool.map(lambda base: make_tar(base, report), bases))
        except BaseException:
            end_all()
            raise


def make_tar(base: Base, report: Report) -> None:
    """Make the root file system, from this machine's mirrors or else Debian's. A whole one gets its name."""
    report.tell(f"making {base.name} from Debian packages")
    # A name of its own: what a bgctl that was killed has started may still be writing.
    unfinished = tar(base).with_suffix(f".{os.getpid()}.unfinished.tar")
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(base.packages)}"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in UNNEEDED]
    command += [SUITE, str(unfinished)]
    try:
        if known := mirrors():
            try:
                return _whole([*command, *known], unfinished, tar(base), report)
            except Failed:
                report.tell("this machine's own mirror does not have it: asking Debian's")
        _whole(command, unfinished, tar(base), report)
    except Failed as error:
        full = diagnosis.is_full(error.detail)
        next = f"df -h {places.images()}" if full else "see whether deb.debian.org or your mirror answers"
        why = f"the disk is full: {error.why}" if full else error.why
        raise Failed(
            f"{base.name} could not be made from Debian packages", why, f"{next}; {AGAIN}", error.detail
        ) from None


def _whole(command: Sequence[str], unfinished: Path, whole: Path, report: Report) -> None:
    try:
        run(command, report)
        unfinished.rename(whole)
    finally:
        unfinished.unlink(missing_ok=True)


def mirrors() -> list[str]:
    """Sources for SUITE where this machine gets its own Debian packages; none: mmdebstrap knows some."""
    if not process.which("apt-get"):
        return []
    wanted = ["Created-By: Packages", "Origin: Debian", "Component: main"]
    listed = answer(["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", *wanted]) or ""
    return sorted({source(*line.split()) for line in listed.splitlines()})


def source(codename: str, uri: str) -> str:
    """The line for SUITE that matches one of this release: bookworm-security becomes trixie-security."""
    _, dash, part = codename.partition("-")
    return f"deb {uri} {SUITE}{dash}{part} main"
