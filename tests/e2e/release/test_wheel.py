"""The wheel is enough: installed in an empty environment it makes the images and starts a stack."""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound

from testbed.project import IMAGES, Project, name_of_its_own
from tests.e2e.support.wheels import Installed
from toolkit.images import catalogue, make
from toolkit.images.engine import LABEL

pytestmark = [pytest.mark.whole, pytest.mark.docker]
PARTS = ("proxy", "session-api")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    found = Installed.below(tmp_path_factory.mktemp("wheel"))
    yield found
    remove_images(found)


def remove_images(installed: Installed) -> None:
    for part in PARTS:
        with suppress(ImageNotFound):
            docker.from_env().images.remove(installed.image(part))


@pytest.fixture
def project(installed: Installed, tmp_path: Path) -> Iterator[Project]:
    """One that wants the images of this bgctl, and nothing of it has been started."""
    found = Project(tmp_path / "project", name_of_its_own("wheel")).create()
    env = found.directory / ".env"
    text = env.read_text()
    for part in PARTS:
        text = text.replace(f"localhost/{IMAGES}/{part}:dev", installed.image(part))
    env.write_text(text)
    yield found
    found.remove()


def source(image: str) -> str:
    """The label that says of what it is made."""
    return str(docker.from_env().images.get(image).labels[LABEL])


def test_it_brings_what_images_are_made_of_and_nothing_of_the_demo(installed: Installed) -> None:
    (wheel,) = (installed.folder / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    share = {name.removeprefix("toolkit/share/") for name in names if name.startswith("toolkit/share/")}
    wanted = {"lua/bg/phases.lua", "nginx/nginx.conf.j2", "compose/bgctl.yaml", "locks/session-api.txt"}
    wanted |= {f"compose/{part}/Dockerfile" for part in (*PARTS, "redis")}
    assert wanted <= share
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {
        "toolkit",
        "session_api",
    }
    assert not [name for name in names if "demo" in name or "__pycache__" in name]


def test_it_starts_in_an_empty_folder(installed: Installed) -> None:
    said = installed.bgctl("--version")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("bgctl, version ")
    assert list((installed.folder / "empty").iterdir()) == []


def test_it_makes_the_images_that_a_checkout_makes(installed: Installed) -> None:
    remove_images(installed)
    plan = json.loads(installed.bgctl("images", "--engine", "docker", "--dry-run", "--json").stdout)
    assert [step["step"] for step in plan["steps"] if step["needed"]][-2:] == list(PARTS)
    made = installed.bgctl("images", "--engine", "docker")
    assert made.returncode == 0, made.stdout + made.stderr
    assert made.stdout.endswith("images ready in docker\n")
    of_checkout = [make.source(image) for image in (catalogue.PROXY, catalogue.SESSION_API)]
    assert [source(installed.image(part)) for part in PARTS] == of_checkout
    assert (installed.folder / "cache" / "bgctl" / "images").is_dir()
    again = installed.bgctl("images", "--engine", "docker")
    assert again.stdout.endswith("images ready in docker, nothing to do\n")
    there = json.loads(installed.bgctl("images", "--engine", "docker", "--json").stdout)
    assert there["images"] == [{"name": installed.image(part), "made": False} for part in PARTS]


def relabel(image: str, name: str, value: str) -> None:
    """Has this name stand for an image that differs in a label."""
    command = ["docker", "build", "--quiet", "--tag", image, "-"]
    dockerfile = f"FROM {image}\nLABEL {name}={value}\n"
    subprocess.run(command, input=dockerfile, text=True, check=True, capture_output=True)


def test_up_makes_what_is_missing_or_of_another_bgctl_and_the_stack_serves(
    installed: Installed, project: Project
) -> None:
    assert installed.bgctl("images", "--engine", "docker").returncode == 0
    proxy, api = (installed.image(part) for part in PARTS)
    relabel(proxy, LABEL, "another")
    docker.from_env().images.remove(api)
    done = installed.bgctl("up", cwd=project.directory)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"  ok images         made {proxy} (was of another bgctl), {api}" in done.stdout
    assert project.proxy_status()["generation"] == 1
    again = installed.bgctl("up", cwd=project.directory)
    assert "   - images" in again.stdout
    assert again.stderr == ""


@pytest.mark.threat(95)
def test_95_what_runs_on_an_image_from_before_is_told_with_the_way_to_the_new_one(
    installed: Installed, project: Project
) -> None:
    assert installed.bgctl("up", cwd=project.directory).returncode == 0
    relabel(installed.image("session-api"), LABEL, "another")
    doctor = json.loads(installed.bgctl("doctor", "--json", cwd=project.directory).stdout)
    (images,) = [check for check in doctor["checks"] if check["check"] == "images"]
    assert (images["result"], images["next"]) == ("warn", "bgctl up")
    assert installed.bgctl("images", cwd=project.directory).returncode == 0
    relabel(installed.image("session-api"), "later", "yes")

    before = project.containers("session-api")
    warned = installed.bgctl("up", cwd=project.directory)
    assert project.containers("session-api") == before, "up leaves alone what runs"
    assert "session-api runs an image from before" in warned.stderr
    stop = warned.stderr.partition("in a quiet minute: ")[2].partition(";")[0]
    subprocess.run(stop.split(), check=True, capture_output=True)
    assert installed.bgctl("up", cwd=project.directory).stderr == ""
    assert project.containers("session-api") != before
