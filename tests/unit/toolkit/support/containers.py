"""A container as `inspect` of an engine has it."""

import msgspec

from toolkit.engine.container import Container


def container(status: str, running: bool, env: list[str] | None = None) -> Container:
    document = {
        "Id": "a1",
        "State": {"Status": status, "Running": running, "ExitCode": 137, "OOMKilled": True},
        "Config": {"Image": "x:1", "Env": env, "Labels": {"com.docker.compose.service": "frontend-green"}},
        "HostConfig": {"NetworkMode": "host"},
    }
    return msgspec.json.decode(msgspec.json.encode(document), type=Container)
