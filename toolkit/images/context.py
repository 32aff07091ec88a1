"""Build contexts: what goes into an image, its hash, and the folder that the engine builds from."""

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from toolkit.errors import AGAIN, Failed, Refused
from toolkit.images import pip, places
from toolkit.images.catalogue import PYTHON, Image
from toolkit.images.digest import digest
from toolkit.images.shell import Report, run
from toolkit.shipped import shipped

NEWEST_GLIBC = 36  # 2.36: a wheel for a newer one does not run on every base


def sources_of(image: Image) -> Iterator[tuple[str, bool, bytes]]:
    """Every file of the context: place, whether executable, content. A lock file stands for its packages."""
    for path, place in files_of(image):
        yield str(place), is_executable(path), path.read_bytes()
    if image.lock:
        yield "site", False, lock_file(image.lock).read_bytes()


def files_of(image: Image) -> Iterator[tuple[Path, Path]]:
    """The files of bgctl that go into the context, each with its place there. Raises Refused."""
    for name, place in image.folders.items():
        folder = shipped(name)
        if not folder.is_dir():
            raise Refused(f"{folder} is missing", "it belongs to bgctl", "install bgctl again")
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path, Path(place) / path.relative_to(folder)


def is_executable(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o100)


def lay_out(image: Image, report: Report) -> Path:
    """Lay the context out afresh, readable for whichever user the container runs as. Returns its folder."""
    context = places.images() / "context"
    shutil.rmtree(context, ignore_errors=True)
    for path, place in files_of(image):
        target = context / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o755 if is_executable(path) else 0o644)
    if image.lock:
        shutil.copytree(site(image.lock, report), context / "site", copy_function=os.link)
    return context


def site(lock: str, report: Report) -> Path:
    """A folder with a lock file's packages for the containers' Python; made here, for bases have no pip."""
    return _fetched("site", lock, pip_install, report)


def wheels(lock: str, report: Report) -> Path:
    """A folder with a lock file's wheels, for images in which pip itself is to install them."""
    return _fetched("wheels", lock, pip_download, report)


def _fetched(kind: str, lock: str, arguments: Callable[[str, Path], list[str]], report: Report) -> Path:
    """The folder that pip makes of a lock file; from the cache where it was made before."""
    known = digest(PYTHON, platform.machine(), lock_file(lock).read_bytes())
    folder = places.images() / f"{kind}-{lock}-{known}"
    if not folder.exists():
        report.tell(f"fetching the packages of {lock}.txt")
        unfinished = places.images() / f"{kind}-{lock}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [*pip.command(report), *arguments(lock, unfinished)]
        try:
            run(command, report)
        except Failed as error:
            next = f"see whether the package index answers (pip config list); {AGAIN}"
            raise Failed(
                f"the packages of {lock} could not be fetched", error.why, next, error.detail
            ) from None
        unfinished.rename(folder)
    return folder


def pip_install(lock: str, target: Path) -> list[str]:
    """What pip is told to install wheels for the containers' Python, whichever Python runs it."""
    return [*_pip("install", lock), "--no-compile", f"--target={target}"]


def pip_download(lock: str, target: Path) -> list[str]:
    """What pip is told to fetch wheels for the containers' Python, and to leave them as they are."""
    return [*_pip("download", lock), f"--dest={target}"]


def _pip(verb: str, lock: str) -> list[str]:
    machine = platform.machine()
    abis = [f"cp{PYTHON.replace('.', '')}", "abi3", "none"]
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(NEWEST_GLIBC, 16, -1)]
    command = [verb, "--require-hashes", "--no-deps", "--disable-pip-version-check"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}"]
    command += [f"--abi={abi}" for abi in abis]
    command += [f"--platform={name}" for name in [*platforms, f"manylinux2014_{machine}"]]
    return [*command, "-r", str(lock_file(lock))]


def lock_file(lock: str) -> Path:
    return shipped("locks", f"{lock}.txt")
