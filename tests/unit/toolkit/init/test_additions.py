"""The lines for the env file, .dockerignore and .gitignore."""

from pathlib import Path

import pytest

from toolkit.engine.build_context import taken_along
from toolkit.engine.compose import Compose
from toolkit.errors import Refused
from toolkit.files import env_file
from toolkit.init import additions, files

BOTH = {"CURRENT_VERSION": "1", "VERSION": "1"}


@pytest.mark.parametrize(
    ("before", "added"),
    [
        (None, "CURRENT_VERSION=1\nVERSION=1\n"),
        ("A=1\n", "CURRENT_VERSION=1\nVERSION=1\n"),
        ("CURRENT_VERSION=7\n", "VERSION=1\n"),
        ("CURRENT_VERSION\nVERSION\n", "CURRENT_VERSION=1\nVERSION=1\n"),
        ("CURRENT_VERSION=7\nVERSION=8\n", None),
        ("export VERSION='8' # c\n", "CURRENT_VERSION=1\n"),
    ],
)
def test_an_env_file_gets_what_it_lacks(tmp_path: Path, before: str | None, added: str | None) -> None:
    path = tmp_path / ".env"
    if before is not None:
        path.write_text(before)
    change = additions.env(path, BOTH)
    assert (change.after.decode() if change else None) == (added and (before or "") + added)
    if change:
        files.write([change])
        assert env_file.load(path).keys() >= BOTH.keys()
        assert before is not None or path.stat().st_mode & 0o777 == 0o600


def test_a_broken_env_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A='1\n")
    with pytest.raises(Refused, match=r"\.env:1: the quotes of A do not close"):
        additions.env(tmp_path / ".env", BOTH)


def test_a_link_goes_on_to_lead_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("A=1\n")
    (tmp_path / ".env").symlink_to("real")
    change = additions.env(tmp_path / ".env", BOTH)
    assert change
    files.write([change])
    assert (tmp_path / ".env").is_symlink()
    assert (tmp_path / "real").read_text().endswith("VERSION=1\n")


@pytest.mark.parametrize(
    ("build", "before", "where"),
    [
        (".", None, "shop"),
        ("{context: .}", "node_modules\n", "shop"),
        (".", "keys\ndata\n!keys\n", "shop"),
        ("..", None, "."),
    ],
)
def test_no_image_gets_the_keys(tmp_path: Path, build: str, before: str | None, where: str) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    ignore = tmp_path / where / ".dockerignore"
    if before:
        ignore.write_text(before)
    found = Compose.parse(f"services: {{web: {{build: {build}}}, worker: {{build: {build}}}}}")
    changes = list(additions.dockerignore(found, root))
    files.write(changes)
    assert [change.path.resolve() for change in changes] == [ignore.resolve()]
    assert ignore.read_text().startswith(before or "")
    assert taken_along(tmp_path / where, root) == []
    assert not list(additions.dockerignore(found, root)), "once is enough"


def test_what_is_built_elsewhere_or_not_at_all_needs_no_line(tmp_path: Path) -> None:
    found = Compose.parse("services: {web: {build: ./web}, db: {image: x}, git: {build: 'https://x/y.git'}}")
    assert not list(additions.dockerignore(found, tmp_path))


def test_git_leaves_them_out(tmp_path: Path) -> None:
    change = additions.gitignore(tmp_path, {"data"})
    assert change
    assert change.after.decode().splitlines()[1:] == ["/keys/", "/state/", "/proxy/"]
    assert additions.gitignore(tmp_path, {"data", "keys", "state", "proxy"}) is None
