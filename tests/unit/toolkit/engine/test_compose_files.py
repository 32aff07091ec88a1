"""Several compose files: which ones, in which order, and where in them something is written."""

import os
import tempfile
from pathlib import Path

import pytest

from toolkit.config import Config, parse
from toolkit.engine import compose_files, process
from toolkit.engine.commands import Commands
from toolkit.engine.compose import Compose
from toolkit.engine.compose_forms import seconds
from toolkit.engine.compose_lines import place
from toolkit.engine.engine import Engine
from toolkit.errors import Refused

NOBODY = 65534
ROOT = Path(__file__).parents[4]
EXAMPLE = (ROOT / "bgctl.example.toml").read_text()


@pytest.fixture(autouse=True)
def _no_compose_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR", "COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"):
        monkeypatch.delenv(name, raising=False)


def config(compose_file: str = "") -> Config:
    return parse(
        EXAMPLE.replace('compose_file = ""', f"compose_file = {compose_file}" * bool(compose_file), 1)
    )


def folder(root: Path, *names: str, env: str = "") -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("services: {}\n")
    (root / ".env").write_text(env)
    return root


def chosen(root: Path, compose_file: str = "") -> tuple[str, ...]:
    return compose_files.choose(config(compose_file).project, root).names


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (["compose.yaml"], ["compose.yaml"]),
        (["docker-compose.yaml"], ["docker-compose.yaml"]),
        (["docker-compose.yml", "compose.yml"], ["compose.yml"]),
        (["compose.yaml", "compose.override.yaml"], ["compose.yaml", "compose.override.yaml"]),
        (
            ["docker-compose.yml", "docker-compose.override.yml"],
            ["docker-compose.yml", "docker-compose.override.yml"],
        ),
        (["docker-compose.yml", "compose.override.yml"], ["docker-compose.yml", "compose.override.yml"]),
        (["compose.override.yaml"], ["compose.yaml", "compose.override.yaml"]),
        ([], ["compose.yaml"]),
    ],
)
def test_without_a_setting_it_is_what_plain_compose_would_use(
    tmp_path: Path, there: list[str], expected: list[str]
) -> None:
    assert chosen(folder(tmp_path, *there)) == tuple(expected)


def test_what_bgctl_toml_names_is_what_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path, "compose.yaml", "compose.override.yaml", env="COMPOSE_FILE=other.yaml\n")
    monkeypatch.setenv("COMPOSE_FILE", "another.yaml")
    assert chosen(root, '"compose.yaml"') == ("compose.yaml",)
    assert chosen(root, '["a.yaml", "deploy/b.yaml"]') == ("a.yaml", "deploy/b.yaml")


def test_compose_file_of_env_file_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path, "compose.yaml", env="COMPOSE_FILE=a.yaml:b.yaml\n")
    assert chosen(root) == ("a.yaml", "b.yaml")
    folder(root, env="COMPOSE_FILE=a.yaml;b.yaml\nCOMPOSE_PATH_SEPARATOR=;\n")
    assert chosen(root) == ("a.yaml", "b.yaml")
    monkeypatch.setenv("COMPOSE_FILE", "c.yaml;d.yaml")
    assert chosen(root) == ("c.yaml", "d.yaml")
    monkeypatch.setenv("COMPOSE_PATH_SEPARATOR", "|")
    assert chosen(root) == ("c.yaml;d.yaml",)


@pytest.mark.parametrize(
    ("names", "said", "mend"),
    [
        (("compose.yaml",), "there is no compose file in", "write compose.yaml, or name yours"),
        (("prod.yaml",), "prod.yaml does not exist", "compose_file"),
        (("deploy/compose.yaml",), "lies in another folder", "move bgctl.toml"),
    ],
)
def test_files_that_will_not_do_are_refused(
    tmp_path: Path, names: tuple[str, ...], said: str, mend: str
) -> None:
    folder(tmp_path, "deploy/compose.yaml")
    with pytest.raises(Refused, match=said) as caught:
        compose_files.check(names, tmp_path)
    assert mend in caught.value.next


BASE = """\
services:
  web:
    image: w:1
    depends_on:
      db: {condition: service_started}
    ports:
      - "127.0.0.1:8081:80"
    stop_grace_period: 5s

  db:
    image: d:1
"""
OVERRIDE = """\
x-common: &common
  restart: always
services:
  "web":
    <<: *common
    # its own
    ports:
      - "[::1]:8081:80"
    stop_grace_period: 1m30s
    volumes: [data:/data]
volumes:
  data: {}
"""


def two(root: Path) -> list[Path]:
    (root / "compose.yaml").write_text(BASE)
    (root / "compose.override.yaml").write_text(OVERRIDE)
    return [root / "compose.yaml", root / "compose.override.yaml"]


def test_a_line_is_of_the_file_that_prevails(tmp_path: Path) -> None:
    paths = two(tmp_path)
    assert place(paths, "web", "ports") == "compose.override.yaml:7"
    assert place(paths, "web", "image") == "compose.yaml:3"
    assert place(paths, "web", "profiles") == "compose.yaml:2"
    assert place(paths, "web") == "compose.yaml:2"
    assert place(paths, "db") == "compose.yaml:10", "not where another one depends on it"
    assert place(paths, "data") == "compose.yaml:1", "no service at all"


@pytest.mark.whole  # the engine is asked who runs its containers, so it has to be there
def test_the_compose_command_merges_what_was_chosen(tmp_path: Path) -> None:
    """The real one, as the engine asks it."""
    two(tmp_path)
    (tmp_path / ".env").write_text("")
    files = chosen(tmp_path)
    engine = Engine(Commands("docker", ("docker-compose",), "shop", files, ".env"), tmp_path)
    found = engine.compose({})
    assert found.services["web"].grace == 90
    assert found.services["web"].published == {"127.0.0.1:8081", "[::1]:8081"}
    assert found.services["web"].mount_points == {"/data"}
    alone = Engine(Commands("docker", ("docker-compose",), "shop", ("compose.yaml",), ".env"), tmp_path)
    assert alone.compose({}).services["web"].grace == 5
    assert found.graces == {"web": 90}


@pytest.mark.threat(90)
@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1m30s", 90),
        ("60s", 60),
        (10, 10),
        ("10", 10),
        (1.5, 1.5),
        ("1.5h", 5400),
        ("1h5m30s20ms", 3930.02),
        ("500us", 0.0005),
        ("0s", 0),
        (0, 0),
        ("", None),
        (None, None),
        ("soon", None),
        ("-5s", None),
        (True, None),
    ],
)
def test_90_a_grace_in_every_form(written: object, expected: float | None) -> None:
    assert seconds(written) == (pytest.approx(expected) if expected is not None else None)


@pytest.mark.threat(90)
@pytest.mark.parametrize("written", ["1m30s", '"90s"', '"1.5m"'])
@pytest.mark.parametrize("command", ["docker-compose", "podman-compose"])
def test_90_a_grace_as_compose_commands_print_it(tmp_path: Path, written: str, command: str) -> None:
    (tmp_path / "compose.yaml").write_text(f"services: {{a: {{image: x, stop_grace_period: {written}}}}}\n")
    said = process.run([command, "config"], cwd=tmp_path)
    assert Compose.parse(said).services["a"].grace == 90


def test_a_file_that_is_no_utf_8_is_the_compose_commands_to_refuse(tmp_path):
    """Somebody's editor has written it in Latin-1; only names and lines are looked for here."""
    path = tmp_path / "compose.yaml"
    path.write_bytes(b"name: shop  # f\xfcr alle\nservices:\n  web:\n    image: web\n")
    assert compose_files.plain_name(config().project, tmp_path, (path,)) == "shop"
    assert place([path], "web", "image") == "compose.yaml:4"


def test_a_file_that_is_not_for_this_user_is_refused():
    with tempfile.TemporaryDirectory() as name:
        root, user = Path(name), os.geteuid()
        root.chmod(0o755)
        (root / "compose.yaml").touch(0)
        if user == 0:
            os.seteuid(NOBODY)  # root may read all
        try:
            with pytest.raises(Refused, match=r"compose.yaml cannot be read in") as refused:
                compose_files.check(("compose.yaml",), root)
        finally:
            os.seteuid(user)
    assert refused.value.next == f"ls -l {root / 'compose.yaml'}"
