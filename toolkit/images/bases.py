"""Base images: already there, pulled, or made from Debian packages with mmdebstrap."""

import platform
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from toolkit.images.catalogue import Base
from toolkit.images.context import digest
from toolkit.images.engine import Engine
from toolkit.images.shell import CACHE, ROOT, SetupError, answer, run, say

SUITE = "trixie"
UNNEEDED = ("doc", "man", "locale")  # below /usr/share


def ensure(engine: Engine, bases: Sequence[Base]) -> None:
    """Leave every base in the engine under our name for it."""
    wanted = [
        base for base in bases if engine.label(base.name) != recipe(base) and not tag_upstream(engine, base)
    ]
    make_tars([base for base in wanted if not tar(base).exists()])
    for base in wanted:
        say(f"importing {base.name}")
        engine.load(base.name, tar(base), recipe(base))


def tag_upstream(engine: Engine, base: Base) -> bool:
    """Give the official image our name. False when it is neither here nor to be had."""
    here = engine.id(base.upstream) and not engine.label(base.upstream)  # a label of ours: a stand-in
    if not here and not engine.pull(base.upstream):
        return False
    engine.run("tag", base.upstream, base.name)
    return True


def recipe(base: Base) -> str:
    """Hash of what the Debian variant is made from."""
    return digest(SUITE, platform.machine(), base.packages, UNNEEDED)


def tar(base: Base) -> Path:
    """Where the Debian variant is kept, for all engines."""
    return CACHE / f"base-{recipe(base)}.tar"


def make_tars(bases: Sequence[Base]) -> None:
    """Make the missing tars side by side."""
    if not bases:
        return
    require_mmdebstrap()
    with ThreadPoolExecutor() as pool:
        list(pool.map(make_tar, bases))


def require_mmdebstrap() -> None:
    if not shutil.which("mmdebstrap"):
        say("no official base images to be had: making them from Debian packages, which takes mmdebstrap")
        run([str(ROOT / "setup/packages"), "mmdebstrap", "debian-archive-keyring"])


def make_tar(base: Base) -> None:
    """Make the root file system, from this machine's mirrors or else Debian's. A whole one gets its name."""
    say(f"making {base.name} from Debian packages")
    CACHE.mkdir(parents=True, exist_ok=True)
    unfinished = tar(base).with_suffix(".unfinished.tar")
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(base.packages)}"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in UNNEEDED]
    command += [SUITE, str(unfinished)]
    try:
        run([*command, *mirrors()])
    except SetupError:
        run(command)
    unfinished.rename(tar(base))


def mirrors() -> list[str]:
    """Sources for SUITE where this machine gets its own Debian packages; none: mmdebstrap knows some."""
    if not shutil.which("apt-get"):
        return []
    wanted = ["Created-By: Packages", "Origin: Debian", "Component: main"]
    listed = answer(["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", *wanted]) or ""
    return sorted({source(*line.split()) for line in listed.splitlines()})


def source(codename: str, uri: str) -> str:
    """The line for SUITE that matches one of this release: bookworm-security becomes trixie-security."""
    _, dash, part = codename.partition("-")
    return f"deb {uri} {SUITE}{dash}{part} main"
