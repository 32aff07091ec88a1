"""How `inspect` is read."""

import msgspec
import pytest

from toolkit.engine.container import Container


def container(status: str, running: bool, env: list[str] | None = None) -> Container:
    document = {
        "Id": "a1",
        "State": {"Status": status, "Running": running, "ExitCode": 137, "OOMKilled": True},
        "Config": {"Image": "x:1", "Env": env, "Labels": {"com.docker.compose.service": "frontend-green"}},
        "HostConfig": {"NetworkMode": "host"},
    }
    return msgspec.json.decode(msgspec.json.encode(document), type=Container)


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
