"""How `inspect` is read."""

import pytest

from tests.unit.toolkit.support.containers import container


def test_a_container_as_inspect_has_it() -> None:
    found = container("exited", False)
    assert (found.service, found.state.status, found.state.exit_code) == ("frontend-green", "exited", 137)


@pytest.mark.parametrize(
    ("env", "agrees"),
    [
        (None, True),
        ([], True),
        (["BGCTL_ISSUER=bgctl"], True),
        (["BGCTL_ISSUER=other"], False),
        (["X=other"], True),
    ],
)
def test_a_container_agrees_with_settings(env: list[str] | None, agrees: bool) -> None:
    assert container("running", True, env).agrees({"BGCTL_ISSUER": "bgctl"}) is agrees
