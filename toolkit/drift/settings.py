"""The settings of a compose service, each as a text by its name: what its container is started with.

What goes in is a service as the compose command prints it. A variable of its environment is a setting of its
own, whether it comes from `environment` or from an env file. Texts have secrets in them, and are only ever
hashed (`fingerprints`).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from toolkit.files import env_file
from toolkit.files.env_file import VERSIONS

Service = Mapping[str, Any]
VARIABLE = "environment."  # before the name of a variable
# What is no part of the container: who starts it, when, how many of it, and how its image is made.
LEFT_OUT = (
    *("environment", "env_file", "build", "depends_on", "profiles", "scale", "extends", "develop"),
    *("stop_grace_period", "pull_policy", "secrets", "configs"),
)
NOT_OF_ONE = ("replicas", "mode", "restart_policy", "update_config", "rollback_config", "placement")
FILES = {"secrets": "secret", "configs": "config"}  # what a service gets as files


def of(
    service: Service, document: Mapping[str, Any], root: Path, version: str, by_design: Mapping[str, Any]
) -> dict[str, str]:
    """The settings of a service of a compose file (`document`) whose relative paths are those of `root`.

    Both slots are on `version`. What is in `by_design` is left out: a key with this value, or, where that is
    None, with any.
    """
    plain = {key: value for key, value in service.items() if key not in LEFT_OUT and key[:2] != "x-"}
    left = {key: each for key, each in plain.items() if not (key in by_design and _is(by_design[key], each))}
    if isinstance(limits := left.get("deploy"), dict):
        left["deploy"] = {key: value for key, value in limits.items() if key not in NOT_OF_ONE}
    found = {key: _text(value) for key, value in left.items() if value not in (None, {}, [])}
    variables = {**dict(_from_files(service, root, version)), **_own_variables(service)}
    known = {name: value for name, value in variables.items() if name not in VERSIONS and value is not None}
    found |= {f"{VARIABLE}{name}": _text(value) for name, value in known.items()}
    return found | dict(_contents(service, document, root))


def _is(wanted: Any, value: Any) -> bool:
    return wanted is None or wanted == value


def _own_variables(service: Service) -> dict[str, Any]:
    """None for a bare name: its value is the compose command's own, and nothing is known of it."""
    told = service.get("environment") or {}
    if isinstance(told, dict):
        return dict(told)
    split = [str(line).partition("=") for line in told]
    return {name: value if equals else None for name, equals, value in split}


def _from_files(service: Service, root: Path, version: str) -> Iterator[tuple[str, str]]:
    """The variables of env files that the compose command leaves to the start, as podman-compose does.

    The whole text of one that it reads in a way of its own.
    """
    told = service.get("env_file") or []
    for each in told if isinstance(told, list) else [told]:
        name = str(each.get("path") if isinstance(each, dict) else each)
        try:
            text = (root / name).read_bytes().decode()
        except (OSError, UnicodeDecodeError):
            continue
        found, broken = env_file.read(text)
        if broken:
            yield name, text
        else:
            yield from env_file.resolve(found, dict.fromkeys(VERSIONS, version)).items()


def _contents(service: Service, document: Mapping[str, Any], root: Path) -> Iterator[tuple[str, str]]:
    """The contents of its secrets and configs that are files: an app has read them when it started."""
    for key, noun in FILES.items():
        known = document.get(key) or {}
        for each in service.get(key) or []:
            name = str(each.get("source") if isinstance(each, dict) else each)
            yield f"{noun} {name}", _text(each)
            try:
                path = root / str((known.get(name) or {})["file"])
                yield f"{noun} {name}", _text(each) + path.read_bytes().hex()
            except (KeyError, OSError):
                continue


def _text(value: Any) -> str:
    """A number, a truth and a text that says the same are one: compose commands print them either way."""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value, order="sorted").decode()
