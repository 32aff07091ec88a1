"""The compose file with derived pairs and bgctl's own services, as a text for the compose command.

It is kept in memory only: what `config` prints has the secrets of env files in it.
"""

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from toolkit.config import Config, served_folders
from toolkit.engine import compose_files, derivation, extends, own_services, yaml_text
from toolkit.engine.commands import Commands
from toolkit.errors import Failed
from toolkit.files.env_file import VERSIONS
from toolkit.values import SLOTS

Document = dict[str, Any]
NO_RESTART = "no"


class DerivedFile:
    """`ask` is what `config` of the compose command prints of the user's files, with these variables."""

    def __init__(
        self, config: Config, commands: Commands, root: Path, ask: Callable[[Mapping[str, str]], str]
    ) -> None:
        self._config, self._commands, self._root, self._ask = config, commands, root, ask
        self._known: dict[
            str, tuple[str, str, str | None]
        ] = {}  # by what was told: both answers, and the text

    def text(self, env: Mapping[str, str]) -> str | None:
        """JSON, which is YAML too, written as `config` writes; None: nothing is derived or added.

        Without versions in `env` somebody looks at what plain compose makes of the files.
        """
        if not all(env.get(name) for name in VERSIONS):
            return None
        asked = {
            slot: {**env, **dict.fromkeys(VERSIONS, version)} for slot, version in _versions(env).items()
        }
        answers = {slot: self._ask(told) for slot, told in asked.items()}
        key = repr(sorted(env.items()))
        if self._known.get(key, ())[:2] != (answers["blue"], answers["green"]):
            self._known[key] = (answers["blue"], answers["green"], self._derive(env, answers))
        return self._known[key][2]

    def fed(self, env: Mapping[str, str]) -> str | None:
        """As `text`, for the standard input of the compose command, which replaces variables once more."""
        text = self.text(env)
        if text is None or self._commands.compose_kind.doubles_dollars:
            return text
        return text.replace("$", "$$")

    def build_by_hand(self, services: Sequence[str], env: Mapping[str, str]) -> str | None:
        """The engine's own command for each image: the user's compose files have no names for them."""
        text = self.text(env)
        if text is None:
            return None
        found = msgspec.json.decode(text)["services"]
        return " && ".join(dict.fromkeys(self._build(found[name]) for name in services if name in found))

    def _build(self, service: Document) -> str:
        told = service.get("build")
        build: Document = told if isinstance(told, dict) else {"context": str(told)}
        context, file = str(build.get("context", ".")), build.get("dockerfile")
        files = ["--file", str(Path(context) / file)] if file else []
        return shlex.join([self._commands.binary, "build", "--tag", service["image"], *files, context])

    def _derive(self, env: Mapping[str, str], answers: Mapping[str, str]) -> str | None:
        doubled = self._commands.compose_kind.doubles_dollars
        found = {slot: _read(answer, doubled) for slot, answer in answers.items()}
        paths = [self._root / name for name in self._commands.files]
        pairs = derivation.singles(found["green"], self._config)
        ours = own_services.missing(found["green"], self._config, paths)
        if not pairs and not ours:
            return None
        made = found["green"]
        if pairs:
            found = {slot: _whole(each, paths) for slot, each in found.items()}
            restart = env.get("BGCTL_GREEN_RESTART", NO_RESTART)
            made = derivation.Derivation(self._config, found, _versions(env), restart, paths).document()
        values = {**compose_files.variables(self._root / self._commands.env_file), **os.environ, **env}
        if doubled:
            values = {name: value.replace("$", "$$") for name, value in values.items()}
        apps = own_services.networks(found["green"], self._config)
        mounts = [*served_folders.mounts(self._config.services).values()]
        made = own_services.add(made, ours, self._config.sessions.address, values, apps, mounts)
        return yaml_text.of(made)


def _versions(env: Mapping[str, str]) -> dict[str, str]:
    return {slot: env[name] for slot, name in zip(SLOTS, VERSIONS, strict=True)}


def _whole(document: Document, paths: Sequence[Path]) -> Document:
    return {**document, "services": extends.resolved(document["services"], paths)}


def _read(text: str, doubled: bool) -> Document:
    try:
        found: Document = yaml_text.read(text, doubled)
    except msgspec.MsgspecError as error:
        raise Failed("the compose file was not understood", str(error), "bgctl doctor") from None
    return {**found, "services": found.get("services") or {}}
