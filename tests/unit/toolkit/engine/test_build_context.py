"""Keys do not end up in an image: what a build would take along is told, and stopped."""

import subprocess
from pathlib import Path

import pytest

from toolkit.engine import build_context
from toolkit.engine.compose import Compose, ComposeService

ALL = list(build_context.OURS)


@pytest.mark.parametrize(
    ("lines", "taken"),
    [
        (None, ALL),
        ("", ALL),
        ("keys\nstate\ndata\nproxy\n", []),
        ("/keys/\n./data\n# state\nproxy/**\n", ["state"]),
        ("*\n!app\n", []),
        ("*\n!keys\n", ["keys"]),
        ("**/keys\nstate\ndata\nproxy\n", []),
        ("key\nkeys/verify\n", ALL),
        ("keys/*\nstate/**\ndata\nproxy\n", []),
        ("keys\n!keys/verify\nstate\ndata\nproxy\n", ["keys"]),
    ],
)
def test_what_a_build_in_the_projects_folder_takes_along(
    tmp_path: Path, lines: str | None, taken: list[str]
) -> None:
    if lines is not None:
        (tmp_path / ".dockerignore").write_text(lines)
    assert build_context.taken_along(tmp_path, tmp_path) == taken


def test_a_context_above_or_beside(tmp_path: Path) -> None:
    project = tmp_path / "deploy"
    project.mkdir()
    assert build_context.taken_along(tmp_path, project) == ALL
    (tmp_path / ".dockerignore").write_text("deploy/keys\ndeploy/data\n")
    assert build_context.taken_along(tmp_path, project) == ["state", "proxy"]
    (tmp_path / ".dockerignore").write_text("deploy\n")
    assert build_context.taken_along(tmp_path, project) == []
    (project / "app").mkdir()
    assert build_context.taken_along(project / "app", project) == []


def test_the_line_to_type_keeps_them_out(tmp_path: Path) -> None:
    project = tmp_path / "deploy"
    project.mkdir()
    (tmp_path / ".dockerignore").write_text("node_modules")  # without an end of line
    (exposed,) = build_context.exposed(Compose({"web": ComposeService(build="..")}), project)
    subprocess.run(exposed.mend, shell=True, check=True)
    assert build_context.taken_along(tmp_path, project) == []
    assert "node_modules\n" in (tmp_path / ".dockerignore").read_text()


def test_every_form_of_build(tmp_path: Path) -> None:
    found = Compose(
        {
            "web": ComposeService(build="."),
            "api": ComposeService(build={"context": str(tmp_path), "dockerfile": "Dockerfile.api"}),
            "app": ComposeService(build={"context": "./app"}),
            "git": ComposeService(build="https://git.example/app.git"),
            "db": ComposeService(image="postgres:17"),
        }
    )
    assert [each.service for each in build_context.exposed(found, tmp_path)] == ["web"]
