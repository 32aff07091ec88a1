"""What goes into a build context, and that every change of it is noticed."""

from pathlib import Path

import pytest

from testbed.images import demo_app
from toolkit.errors import Refused
from toolkit.images import context, places
from toolkit.images.catalogue import IMAGES, PROXY_BASE, Image
from toolkit.images.context import lay_out, pip_install, sources_of
from toolkit.images.digest import digest
from toolkit.images.shell import Report, ignore
from toolkit.shipped import shipped

QUIET = Report(ignore)
IMAGE = Image("localhost/test/it:dev", PROXY_BASE, {"code": "app", "build": "."})


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(context, "shipped", tmp_path.joinpath)
    monkeypatch.setattr(places, "root", lambda: tmp_path / "cache")
    (tmp_path / "code/__pycache__").mkdir(parents=True)
    (tmp_path / "build").mkdir()
    (tmp_path / "code/main.py").write_text("print()")
    (tmp_path / "code/__pycache__/main.pyc").write_text("compiled")
    (tmp_path / "build/run").write_text("#!/bin/sh")
    (tmp_path / "build/run").chmod(0o700)
    (tmp_path / "code/main.py").chmod(0o600)
    return tmp_path


def test_sources_land_in_their_places_readable_by_all(checkout: Path) -> None:
    laid = lay_out(IMAGE, QUIET)
    found = {
        str(path.relative_to(laid)): path.stat().st_mode & 0o777 for path in laid.rglob("*") if path.is_file()
    }
    assert found == {"app/main.py": 0o644, "run": 0o755}


def test_what_was_laid_out_before_is_gone(checkout: Path) -> None:
    lay_out(IMAGE, QUIET)
    (checkout / "code/main.py").rename(checkout / "code/other.py")
    assert not (lay_out(IMAGE, QUIET) / "app/main.py").exists()


@pytest.mark.parametrize("change", ["content", "name", "mode"])
def test_a_change_shows_in_the_digest(checkout: Path, change: str) -> None:
    before = digest(*sources_of(IMAGE))
    assert digest(*sources_of(IMAGE)) == before
    file = checkout / "code/main.py"
    match change:
        case "content":
            file.write_text("print(1)")
        case "name":
            file.rename(checkout / "code/other.py")
        case "mode":
            file.chmod(0o700)
    assert digest(*sources_of(IMAGE)) != before


def test_a_missing_folder_is_named(checkout: Path) -> None:
    (checkout / "build/run").unlink()
    (checkout / "build").rmdir()
    with pytest.raises(Refused, match="build is missing"):
        list(sources_of(IMAGE))


def test_wheels_are_for_the_containers_and_pinned_by_hash() -> None:
    command = pip_install("demo-app", Path("/there"))
    assert command[:3] == ["install", "--require-hashes", "--no-deps"]
    assert {"--python-version=3.13", "--abi=cp313", "--abi=abi3", "--abi=none"} < set(command)
    assert "--only-binary=:all:" in command


@pytest.mark.parametrize("image", [*IMAGES, *demo_app.IMAGES], ids=lambda image: image.name)
def test_a_dockerfile_takes_every_argument_that_it_is_given(image: Image) -> None:
    place = {target: folder for folder, target in image.folders.items()}.get(".", "")
    dockerfile = shipped(place, image.dockerfile).read_text()
    declared = {
        line.split()[1].partition("=")[0] for line in dockerfile.splitlines() if line.startswith("ARG ")
    }
    assert {"BASE", *image.args} <= declared
