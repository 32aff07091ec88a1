"""The compose file as its command prints it."""

import pytest

from toolkit.engine.compose import Compose
from toolkit.errors import Failed


@pytest.mark.parametrize(
    ("entry", "built"),
    [("build: .", True), ("build: {context: ., dockerfile: Dockerfile}", True), ("image: x", False)],
)
def test_what_is_built_says_so(entry: str, built: bool) -> None:
    assert bool(Compose.parse(f"services: {{a: {{{entry}}}}}").services["a"].build) is built


@pytest.mark.threat(50)
@pytest.mark.parametrize("text", ["", "- a", "services: [a]", "services: {a: {image: 3}}", "{"])
def test_50_what_compose_prints_may_make_no_sense(text: str) -> None:
    with pytest.raises(Failed, match="not understood"):
        Compose.parse(text)


@pytest.mark.threat(92)
def test_92_undoubled_dollars_leave_the_rest_as_it_is() -> None:
    """Volumes, too: by their names doctor finds data that a project has under another name."""
    found = Compose.parse('services: {web: {image: "shop:$$1"}}\nvolumes: {pgdata: {}}')
    plain = found.with_single_dollars()
    assert plain.image("web") == "shop:$1"
    assert set(plain.volumes or {}) == {"pgdata"}


@pytest.mark.parametrize(
    ("entry", "replicas"),
    [
        ("image: x", 1),
        ("image: x, deploy: {replicas: 3}", 3),
        ("image: x, scale: 2", 2),
        ("image: x, deploy: {resources: {}}", 1),
        ("image: x, deploy: {replicas: some}", 1),
    ],
)
def test_how_many_containers_plain_compose_starts(entry: str, replicas: int) -> None:
    assert Compose.parse(f"services: {{a: {{{entry}}}}}").services["a"].replicas == replicas


@pytest.mark.parametrize(
    ("check", "test"),
    [
        ("{test: [CMD, a, b]}", "CMD a b"),
        ("{test: a b}", "a b"),
        ("{test: [NONE]}", ""),
        ("{disable: true}", ""),
        ("{interval: 1s}", None),
    ],
)
def test_the_command_of_a_healthcheck(check: str, test: str | None) -> None:
    found = Compose.parse(f"services: {{a: {{image: x, healthcheck: {check}}}}}")
    assert found.services["a"].health_test == test


def test_a_name_that_yaml_takes_for_something_else_is_a_name():
    """NO and ON are truth values in YAML 1.1, which both compose commands of Python read."""
    found = Compose.parse("services: {web: {image: a, environment: {NO: x, 1: y}, labels: {ON: 1}}}")
    assert found.services["web"].environment == {"False": "x", "1": "y"}
