"""Build contexts: what goes into an image, its hash, and the folder that the engine builds from."""

import hashlib
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from toolkit.images.catalogue import PYTHON, Image
from toolkit.images.shell import CACHE, ROOT, SetupError, run, say

NEWEST_GLIBC = 36  # 2.36: a wheel for a newer one does not run on every base


def digest(*parts: object) -> str:
    """A short hash of values whose repr says all about them."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def sources_of(image: Image) -> Iterator[tuple[str, bool, bytes]]:
    """Every file of the context: place, whether executable, content. A lock file stands for its packages."""
    for path, place in files_of(image):
        yield str(place), is_executable(path), path.read_bytes()
    if image.lock:
        yield "site", False, lock_file(image.lock).read_bytes()


def files_of(image: Image) -> Iterator[tuple[Path, Path]]:
    """The files of the checkout that go into the context, each with its place there."""
    for folder, place in image.folders.items():
        if not (ROOT / folder).is_dir():
            raise SetupError(f"{folder}/ is missing from this checkout")
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path, Path(place) / path.relative_to(ROOT / folder)


def is_executable(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o100)


def lay_out(image: Image) -> Path:
    """Lay the context out afresh, readable for whichever user the container runs as. Returns its folder."""
    context = CACHE / "context"
    shutil.rmtree(context, ignore_errors=True)
    for path, place in files_of(image):
        target = context / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o755 if is_executable(path) else 0o644)
    if image.lock:
        shutil.copytree(site(image.lock), context / "site", copy_function=os.link)
    return context


def site(lock: str) -> Path:
    """A folder with a lock file's packages for the containers' Python; made here, for bases have no pip."""
    return _fetched("site", lock, pip_install)


def wheels(lock: str) -> Path:
    """A folder with a lock file's wheels, for images in which pip itself is to install them."""
    return _fetched("wheels", lock, pip_download)


def _fetched(kind: str, lock: str, command: Callable[[str, Path], list[str]]) -> Path:
    """The folder that the command makes of a lock file; from the cache where it was made before."""
    folder = CACHE / f"{kind}-{lock}-{digest(PYTHON, platform.machine(), lock_file(lock).read_bytes())}"
    if not folder.exists():
        say(f"fetching locks/{lock}.txt for the images")
        unfinished = CACHE / f"{kind}-{lock}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        run(command(lock, unfinished))
        unfinished.rename(folder)
    return folder


def pip_install(lock: str, target: Path) -> list[str]:
    """The command that installs wheels for the containers' Python, whichever Python runs it."""
    return [*_pip("install", lock), "--no-compile", f"--target={target}"]


def pip_download(lock: str, target: Path) -> list[str]:
    """The command that fetches wheels for the containers' Python, and leaves them as they are."""
    return [*_pip("download", lock), f"--dest={target}"]


def _pip(verb: str, lock: str) -> list[str]:
    machine = platform.machine()
    abis = [f"cp{PYTHON.replace('.', '')}", "abi3", "none"]
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(NEWEST_GLIBC, 16, -1)]
    command = [str(ROOT / ".venv/bin/python"), "-m", "pip", verb, "--require-hashes", "--no-deps"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}"]
    command += [f"--abi={abi}" for abi in abis]
    command += [f"--platform={name}" for name in [*platforms, f"manylinux2014_{machine}"]]
    return [*command, "-r", str(lock_file(lock))]


def lock_file(lock: str) -> Path:
    return ROOT / "locks" / f"{lock}.txt"
