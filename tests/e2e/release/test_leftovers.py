"""A CI run removes what its tests have made, and nothing of anybody else's, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.project import IMAGES, ROOT, name_of_its_own
from tests.e2e.support.stacks import eventually

MAKE = (
    'docker network create --label bgctl.run="$BGCTL_RUN" {name} && '
    'docker create --name {name} --network {name} --label bgctl.run="$BGCTL_RUN" {image} true'
)


BOTH = {"container", "network"}


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout


def there(name: str) -> set[str]:
    """What there is under this name: a container, a network, both, or nothing."""
    kinds = {"container": ("ps", "--all"), "network": ("network", "ls")}
    return {
        kind
        for kind, listing in kinds.items()
        if docker(*listing, "--quiet", "--filter", f"name=^{name}$").split()
    }


@pytest.fixture
def strangers() -> Iterator[str]:
    """Somebody else's project, of the same images, that comes up while the tests run."""
    name = name_of_its_own("stranger")
    yield name
    docker("rm", "--force", name)
    docker("network", "rm", name)


@pytest.fixture
def ours() -> Iterator[str]:
    name = name_of_its_own("ours")
    yield name
    subprocess.run(["docker", "rm", "--force", name], capture_output=True)
    subprocess.run(["docker", "network", "rm", name], capture_output=True)


def make(name: str) -> str:
    """A command that leaves a container and a network behind."""
    return MAKE.format(name=name, image=f"localhost/{IMAGES}/proxy:dev")


def stranger(name: str) -> str:
    project = f"com.docker.compose.project={name}"
    image = f"localhost/{IMAGES}/proxy:dev"
    network = f"docker network create --label {project} {name}"
    return f"{network} && docker create --name {name} --network {name} --label {project} {image} true"


def ci(*command: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "BGCTL_RUN"}
    return subprocess.Popen(
        [str(ROOT / ".ci" / "run"), *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_what_a_run_has_made_is_gone_and_a_strangers_is_not(strangers: str, ours: str) -> None:
    """The command's code is the run's; and a second run at the same time is a stranger too."""
    with ci("sh", "-c", f"{make(ours)} && {stranger(strangers)} && exit 7") as run:
        said, _ = run.communicate(timeout=60)
    assert run.returncode == 7, said
    assert (there(ours), there(strangers)) == (set(), BOTH), said
    assert said.count("left behind by ci-") == 2


def test_a_run_that_is_ended_takes_its_command_along(strangers: str, ours: str, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    with ci("sh", "-c", f"{stranger(strangers)} && {make(ours)} && echo $$ >{mark} && sleep 600") as run:
        eventually(lambda: mark.exists() and mark.read_text().strip(), "it has made them")
        run.send_signal(signal.SIGTERM)
        said, _ = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert not Path(f"/proc/{mark.read_text().strip()}").exists()
    assert (there(ours), there(strangers)) == (set(), BOTH), said


def test_a_run_that_is_killed_is_cleared_up_after_by_the_next(
    strangers: str, ours: str, tmp_path: Path
) -> None:
    """When its command has ended too; and another run that goes on meanwhile is left alone."""
    mark, end = tmp_path / "made", tmp_path / "end"
    os.mkfifo(end)
    with ci("sh", "-c", f"{stranger(strangers)} && {make(ours)} && : >{mark} && read -r _ <{end}") as run:
        eventually(mark.exists, "it has made them")
        run.kill()
        run.wait()
        with ci("true") as another:
            assert another.wait(60) == 0
        assert there(ours) == BOTH, "its command goes on"
        with end.open("w") as fifo:
            fifo.write("\n")
        run.communicate(timeout=60)

    def cleared() -> bool:
        with ci("true") as next_one:
            assert next_one.wait(60) == 0
        return not there(ours)

    eventually(cleared, "the next run has removed them")
    assert there(strangers) == BOTH
