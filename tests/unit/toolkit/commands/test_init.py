"""`bgctl init` whole, with the real compose commands: on docker-compose and on podman-compose."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.terminals import Terminal
from tests.unit.toolkit.support.worlds import BGCTL, ROOT
from toolkit import config
from toolkit.files import env_file

pytestmark = pytest.mark.whole
CASES = ROOT / "tests" / "cases" / "projects"
ENGINES = pytest.mark.parametrize("engine", ["docker", "podman"])
# The names in their env files, with other values: they are no part of the copies of these projects.
ENV = {
    "flaskshop": "# settings of the shop\nSECRET_KEY='f1ask!with$dollar'\nREDIS_URL=redis://redis:6379/0\nDEBUG\n",
    "notes": "NODE_ENV=production\nJWT_SECRET=a-key-of-this-test\n",
    "blog": 'DJANGO_SECRET_KEY="a#x(4&z"\nALLOWED_HOSTS=blog.example\nPOSTGRES_USER=blog\n',
}


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")}
    return {**plain, **(extra or {})}


def init(root: Path, *words: str, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [BGCTL, "--project", root, "init", *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment(env),
    )


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def project(root: Path, name: str) -> Path:
    folder = root / name
    shutil.copytree(CASES / name, folder)
    (folder / ".env").write_text(ENV[name])
    return folder


def folder(root: Path, compose: str, env: str | None = "", name: str = "shop") -> Path:
    here = root / name
    (here / "api").mkdir(parents=True)
    (here / "compose.yaml").write_text(compose)
    (here / "Dockerfile").write_text("FROM scratch\n")
    if env is not None:
        (here / ".env").write_text(env)
    return here


@ENGINES
@pytest.mark.parametrize(
    ("name", "web", "listen", "workers"),
    [
        ("flaskshop", "web", "0.0.0.0:18000", []),
        ("notes", "api", "0.0.0.0:18100", []),
        ("blog", "web", "0.0.0.0:18200", ["worker"]),
    ],
)
def test_an_ordinary_project_needs_no_option(
    tmp_path: Path, engine: str, name: str, web: str, listen: str, workers: list[str]
) -> None:
    root = project(tmp_path, name)
    before = contents(root)
    shown = init(root, "--engine", engine, "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert contents(root) == before, "a dry run writes nothing"
    done = init(root, "--engine", engine)
    assert done.returncode == 0, done.stderr
    written = config.load(root / "bgctl.toml")
    assert written.project.name == name
    assert (list(written.reached), list(written.workers)) == ([web], workers)
    assert written.services[web].port == 8000
    assert written.proxy.listen == (listen,)
    assert env_file.load(root / ".env")["CURRENT_VERSION"] == "1"
    after = contents(root)
    assert after[".env"] == before[".env"] + b"CURRENT_VERSION=1\nVERSION=1\n"
    assert {path for path in after if after[path] != before.get(path)} <= {
        ".env", ".dockerignore", ".gitignore", "bgctl.toml"
    }  # fmt: skip
    assert done.stdout.rstrip().endswith("bgctl deploy VERSION   (for each new version)")
    assert "bgctl up" in done.stdout


@ENGINES
def test_the_dry_run_is_a_diff_that_makes_the_files(tmp_path: Path, engine: str) -> None:
    root = project(tmp_path, "blog")
    shown = init(root, "--engine", engine, "--dry-run").stdout
    assert "a#x(4" not in shown, "not a value of the env file is shown"
    patched = tmp_path / "patched"
    shutil.copytree(root, patched)
    diff = shown[shown.index("--- ") : shown.index("would write")]
    subprocess.run(["patch", "-p1"], input=diff, text=True, cwd=patched, check=True, stdout=-3)
    init(root, "--engine", engine)
    assert steady(patched) == steady(root)


def steady(root: Path) -> dict[str, list[bytes]]:
    """The lines of all files without those that depend on what else runs here at the moment."""
    busy = (b"blue =", b"green =", b"control =", b"address =", b"cookie_stem =", b"[sessions]")
    return {
        name: [line for line in text.splitlines() if line and not line.startswith(busy)]
        for name, text in contents(root).items()
    }


RICH = """\
x-base: &base
  restart: unless-stopped
  env_file: [more.env]
services:
  web:
    <<: *base
    image: shop/web:1.6.7
    container_name: shop-web
    ports: ["18443:443", "127.0.0.1:18000-18001:8000-8001", "127.0.0.1:18053:53/udp"]
    healthcheck: {test: ["CMD-SHELL", "curl -f http://localhost:8000/healthy || exit 1"]}
    deploy: {replicas: 1}
    depends_on:
      db: {condition: service_healthy}
      setup: {condition: service_completed_successfully}
  jobs:
    <<: *base
    image: shop/web:1.6.7
    command: work
  setup: {image: "shop/web:1.6.7", command: prepare}
  tools: {image: "shop/web:1.6.7", profiles: [tools]}
  db:
    image: postgres:17
    ports: ["127.0.0.1:18432:5432"]
    healthcheck: {test: pg_isready}
  proxy: {image: squid}
"""


@ENGINES
def test_a_rich_project_as_both_compose_commands_print_it(tmp_path: Path, engine: str) -> None:
    root = folder(tmp_path, f'version: "3.8"\n{RICH}', "A=1")
    (root / "more.env").write_text("B=2\n")
    done = init(root, "--engine", engine, "--domain", "shop.example")
    assert done.returncode == 0, done.stderr
    written = config.load(root / "bgctl.toml")
    web = written.services["web"]
    assert (list(written.reached), list(written.workers)) == (["web"], ["jobs"])
    assert (web.port, web.health) == (8000, "/healthy")
    assert (*written.proxy.listen, written.proxy.service) == ("127.0.0.1:18000", "bgctl-proxy")
    assert written.preview.url == "https://shop.example"
    assert (root / ".env").read_text() == "A=1\nCURRENT_VERSION=1.6.7\nVERSION=1.6.7\n"
    assert not (root / ".dockerignore").exists(), "nothing is built here"


@ENGINES
def test_overrides_extends_and_a_long_port(tmp_path: Path, engine: str) -> None:
    root = folder(tmp_path, 'version: "3.8"\nservices: {web: {extends: {file: base.yaml, service: app}}}\n')
    (root / "base.yaml").write_text('version: "3.8"\nservices: {app: {build: ., expose: [7000]}}\n')
    (root / "compose.override.yaml").write_text(
        'version: "3.8"\nservices: {web: {ports: [{target: 7000, published: 18000}]}}\n'
    )
    done = init(root, "--engine", engine)
    assert done.returncode == 0, done.stderr
    written = config.load(root / "bgctl.toml")
    assert (written.services["web"].port, *written.proxy.listen) == (7000, "0.0.0.0:18000")
    assert not written.project.compose_files, "plain compose takes the same"


@ENGINES
def test_a_project_that_insists_on_a_version(tmp_path: Path, engine: str) -> None:
    text = "services: {web: {image: 'shop/web:${VERSION:?which}', ports: ['18000:8000']}}\n"
    root = folder(tmp_path, text, None)
    done = init(root, "--engine", engine, "--version", "1.6.7")
    assert done.returncode == 0, done.stderr
    assert (root / ".env").read_text() == "CURRENT_VERSION=1.6.7\nVERSION=1.6.7\n"
    assert (root / ".env").stat().st_mode & 0o777 == 0o600


def test_a_version_that_is_given_makes_no_service_of_bgctls_own_one_of_the_projects(tmp_path: Path) -> None:
    root = project(tmp_path, "flaskshop")
    assert init(root, "--version", "1.2").returncode == 0
    assert "proxy: your compose files" not in (root / "bgctl.toml").read_text()
    assert config.load(root / "bgctl.toml").proxy_service == "proxy"


def test_compose_files_of_the_environment_are_written_down(tmp_path: Path) -> None:
    root = folder(tmp_path, "services: {web: {build: ., ports: ['18000:8000']}}\n")
    (root / "compose.yaml").rename(root / "other.yaml")
    done = init(root, env={"COMPOSE_FILE": "other.yaml"})
    assert done.returncode == 0, done.stderr
    assert config.load(root / "bgctl.toml").project.compose_files == ("other.yaml",)


def test_git_says_the_version_and_what_it_leaves_out(tmp_path: Path) -> None:
    root = folder(tmp_path, "services: {web: {build: ., ports: ['18000:8000']}}\n")
    (root / ".gitignore").write_text("data/\n")
    who = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"]
    git = ["git", "-C", str(root), *who]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"], ["tag", "v1.2"]):
        subprocess.run([*git, *words], check=True)
    done = init(root)
    assert done.returncode == 0, done.stderr
    assert (root / ".env").read_text() == "CURRENT_VERSION=v1.2\nVERSION=v1.2\n"
    assert (root / ".gitignore").read_text().splitlines()[2:] == ["/keys/", "/state/", "/proxy/"]


WEB = "services:\n  web:\n    build: .\n    ports: ['18000:8000']\n"


@ENGINES
@pytest.mark.parametrize(
    ("compose", "env", "words", "said"),
    [
        (
            WEB + "  api:\n    build: ./api\n    ports: ['18001:80']\n",
            "",
            [],
            ["web and api have published ports", "bgctl init --service web or: bgctl init --service api"],
        ),
        (
            "services: {web: {build: .}}\n",
            "",
            [],
            ["no app in compose.yaml has a published port", "--service web"],
        ),
        ("services: {web: [\n", "", [], ["refuses compose.yaml", "it says:", "edit compose.yaml"]),
        (WEB, "A='1\n", [], [".env:1", "the quotes of A do not close", "edit .env"]),
        (WEB, "CURRENT_VERSION=a b\n", [], [".env:1", "CURRENT_VERSION is no version"]),
        (WEB + "    env_file: [gone.env]\n", "", [], ["gone.env"]),
        (WEB, "", ["--service", "wbe"], ["there is no service wbe in compose.yaml", "there are: web"]),
        (WEB, "", ["--compose-file", "gone.yaml"], ["gone.yaml does not exist", "--compose-file names it"]),
    ],
)
def test_what_is_refused_says_why_and_writes_nothing(
    tmp_path: Path, engine: str, compose: str, env: str, words: list[str], said: list[str]
) -> None:
    root = folder(tmp_path, compose, env)
    before = contents(root)
    done = init(root, "--engine", engine, *words)
    assert done.returncode == 3, done.stdout + done.stderr
    assert all(each in done.stderr for each in said), done.stderr
    assert "next: " in done.stderr
    assert contents(root) == before


def test_the_example_is_printed_in_any_folder(tmp_path: Path) -> None:
    done = init(tmp_path / "gone", "--example")
    assert (done.returncode, done.stdout) == (0, (ROOT / "bgctl.example.toml").read_text())


def test_no_compose_file(tmp_path: Path) -> None:
    done = init(tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (3, [])
    assert "there is no compose file in" in done.stderr
    assert "next: bgctl init --compose-file FILE" in done.stderr


def test_no_folder(tmp_path: Path) -> None:
    done = init(tmp_path / "gone")
    assert done.returncode == 3
    assert "gone is no folder" in done.stderr


def test_no_engine(tmp_path: Path) -> None:
    root = folder(tmp_path, WEB)
    before = contents(root)
    done = init(root, "--engine", "docker", env={"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert done.returncode == 3
    assert "no container engine is usable" in done.stderr
    assert "next: start docker" in done.stderr
    assert contents(root) == before


@pytest.mark.parametrize(
    "words",
    [
        ["--port", "0"],
        ["--port", "http"],
        ["--health", "health"],
        ["--listen", "8080"],
        ["--domain", "http://shop.example"],
        ["--version", "a b"],
        ["--also", "api="],
        ["--also", "api=login"],
        ["--engine", "lxc"],
    ],
)
def test_an_option_that_makes_no_sense_is_usage(tmp_path: Path, words: list[str]) -> None:
    done = init(tmp_path, *words)
    assert done.returncode == 2
    assert "Error: " in done.stderr


def test_a_bgctl_toml_is_never_overwritten_without_a_word(tmp_path: Path) -> None:
    root = folder(tmp_path, WEB)
    assert init(root).returncode == 0
    green = str(config.load(root / "bgctl.toml").services["web"].green)
    mine = (root / "bgctl.toml").read_text().replace(green, "127.0.0.1:18999")
    (root / "bgctl.toml").write_text(mine)
    before = contents(root)
    refused = init(root)
    assert refused.returncode == 3
    assert "bgctl.toml is there already" in refused.stderr
    assert "bgctl init --dry-run --force" in refused.stderr
    assert init(root, "--dry-run", "--force", "--version", "1").returncode == 0
    assert contents(root) == before
    again = init(root, "--force", "--domain", "shop.example")
    assert again.returncode == 0, again.stderr
    assert (root / "bgctl.toml.old").read_text() == mine
    assert config.load(root / "bgctl.toml").services["web"].green == "127.0.0.1:18999", "ports in use stay"
    assert contents(root)[".env"] == before[".env"]


@pytest.mark.timeout(120)
def test_on_a_terminal_it_asks_what_it_cannot_see(tmp_path: Path) -> None:
    root = folder(tmp_path, WEB + "  api:\n    build: ./api\n    ports: ['18001:80']\n")
    screen = Terminal([str(BGCTL), "--project", str(root), "init"], environment())
    try:
        screen.until("Which service do people use? (web, api):")
        screen.press("wbe\n")
        screen.until("is not one of", "(web, api):")
        screen.press("web\n")
        screen.until("Which paths does api serve")
        screen.press("api\n")
        screen.until("Error", "Which paths does api serve")
        screen.press("/api/\n")
        screen.until("The domain that browsers show")
        screen.press("\n")
        screen.until("Which path of web answers with a 2xx", "[/]")
        screen.press("/up\n")
        screen.until("Which path of api answers with a 2xx", "[/]")
        screen.press("\n")
        assert screen.ended() == 0, screen.output
    finally:
        screen.close()
    written = config.load(root / "bgctl.toml")
    assert {name: str(each.health) for name, each in written.reached.items()} == {"web": "/up", "api": "/"}
    assert written.services["api"].routes == ("/api/",)


@pytest.mark.timeout(120)
def test_a_question_that_is_not_answered_leaves_nothing(tmp_path: Path) -> None:
    root = folder(tmp_path, WEB)
    before = contents(root)
    screen = Terminal([str(BGCTL), "--project", str(root), "init"], environment())
    try:
        screen.until("The domain that browsers show")
        screen.interrupt()
        assert screen.ended() == 130
    finally:
        screen.close()
    assert contents(root) == before
