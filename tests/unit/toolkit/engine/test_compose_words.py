"""What a compose command line would do, as it was typed."""

import pytest

from toolkit.engine import compose_words


@pytest.mark.parametrize(
    ("line", "subcommand", "services", "what"),
    [
        ("ps", "ps", (), "compose ps"),
        ("--ansi never ps -q web-blue", "ps", ("web-blue",), "compose ps web-blue"),
        ("exec -T db psql -c 'select 1'", "exec", ("db",), "compose exec db"),
        ("run --rm -e PASSWORD=x --no-deps web-blue sh", "run", ("web-blue",), "compose run web-blue"),
        ("up -d --scale db=2 db", "up", ("db",), "compose up db"),
        ("scale db=2 web-blue=3", "scale", ("db", "web-blue"), "compose scale db web-blue"),
        ("build --build-arg TOKEN=x web-blue", "build", ("web-blue",), "compose build web-blue"),
        ("stop -t 5 db", "stop", ("db",), "compose stop db"),
        ("nonsense", "nonsense", (), "compose nonsense"),
        ("--version", "", (), "compose "),
    ],
)
def test_subcommand_and_services(line: str, subcommand: str, services: tuple[str, ...], what: str) -> None:
    found = compose_words.read(line.split())
    assert (found.subcommand, found.services, found.what) == (subcommand, services, what)


def test_no_secret_comes_into_the_history() -> None:
    for line in (
        "run -e PASSWORD=hunter2 web",
        "run --env PASSWORD=hunter2 web",
        "build --build-arg=A=hunter2",
    ):
        assert "hunter2" not in compose_words.read(line.split()).what


@pytest.mark.parametrize(
    ("line", "reads"), [("ps", True), ("down --help", True), ("up", False), ("nonsense", False)]
)
def test_what_reads(line: str, reads: bool) -> None:
    assert compose_words.read(line.split()).reads is reads


@pytest.mark.parametrize(
    ("line", "short"),
    [("stop db", True), ("up -d db", True), ("up db", False), ("build", False), ("run db sh", False)],
)
def test_what_ends_soon(line: str, short: bool) -> None:
    assert compose_words.read(line.split()).is_short is short


@pytest.mark.parametrize("line", ["-f other.yaml ps", "--project-name=x ps", "--env-file x ps", "-p x ps"])
def test_options_that_name_another_project(line: str) -> None:
    assert compose_words.read(line.split()).ours
