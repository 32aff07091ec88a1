"""Judges one answer to a health check, in the same words as the proxy does (lua/bg/health/verdict.lua)."""

import json
import re
from typing import Any, Literal

from msgspec import Struct

from toolkit.values import is_version

MOST = 65536  # bytes of a body in which a version is looked for
MAX_DEPTH = 16  # as lua/bg/lib/strict_json.lua has it
REDIRECTS = (301, 302, 303, 307, 308)
MAY_PASS = (408, 425, 429)  # refusals that end when the app is less busy
NO_HEALTH = (5, 12)  # gRPC's NOT_FOUND and UNIMPLEMENTED: the server knows no such health
BOOTING = 404  # what some application servers answer until they have deployed the app
Kind = Literal["no_answer", "status", "redirect", "body", "version", "image", "name", "engine", "grpc"]


class Answer(Struct, frozen=True):
    """What came back. `told` is the value of the header that should say the version."""

    status: int
    location: str | None = None
    told: str | None = None
    body: bytes = b""


class Fault(Struct, frozen=True):
    """What is wrong, in the words that follow the name of a service."""

    kind: Kind
    seen: str
    status: int = 0
    location: str = ""
    version: str = ""  # the wrong one

    @property
    def lasts(self) -> bool:
        """Whether an app that runs will go on answering so."""
        if self.kind == "grpc":
            return self.status in NO_HEALTH
        if self.kind == "status":
            return 300 <= self.status < 500 and self.status not in MAY_PASS
        return self.kind != "no_answer"

    @property
    def patience(self) -> float:
        """By which factor an answer that lasts is waited out longer than usual."""
        return 3.0 if self.status == BOOTING else 1.0


def fault(answer: Answer | Fault, proof: str, wanted: str | None) -> Fault | None:
    """What is wrong with an answer; None: it is a 2xx, and says `wanted` where `proof` is in the answer."""
    if isinstance(answer, Fault):
        return answer
    if not 200 <= answer.status < 300:
        return _of_status(answer)
    if wanted is None or proof in ("", "image"):
        return None
    if proof == "json":
        document = _document(answer.body)
        if document is None:
            return Fault("body", "answered something that is not a JSON object")
        return _of_version(document.get("version"), wanted, "answered without a version")
    name = proof.removeprefix("header:")
    return _of_version(answer.told, wanted, f"answered without a version in {name}")


def followed(answer: Answer | Fault, path: str, host: str) -> str | None:
    """The target of a redirect that only adds or removes a slash at the end of `path`; else None."""
    if isinstance(answer, Fault) or answer.status not in REDIRECTS:
        return None
    found = re.fullmatch(r"(?:https?://([^/?#]+))?(/[!-~]*)", answer.location or "")
    if not found or found[2].startswith("//") or (found[1] or host).lower() != host.lower():
        return None
    target = found[2].partition("#")[0]
    there, here = target.partition("?")[0], path.partition("?")[0]
    return target if there in (f"{here}/", here.removesuffix("/")) and there != here else None


def _of_status(answer: Answer) -> Fault:
    seen = f"answered status {answer.status}"
    if answer.status not in REDIRECTS or not answer.location:
        return Fault("status", seen, answer.status)
    location = re.sub(r"[^!-~]", "", answer.location)[:100]
    return Fault("redirect", f"{seen}, to {location}", answer.status, location)


def _of_version(found: object, wanted: str, missing: str) -> Fault | None:
    if not isinstance(found, str) or not is_version(found):
        return Fault("version", missing)
    return None if found == wanted else Fault("version", f"answered {found}, wanted {wanted}", version=found)


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        text = body.decode()
        if not re.match(r"[ \t\r\n]*\{", text):
            return None
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
        _check_depth(found, MAX_DEPTH)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refuse(word: str) -> None:
    raise ValueError(word)


def _check_depth(value: object, left: int) -> None:
    """Raises ValueError where arrays and objects are nested more than `left` deep."""
    if isinstance(value, dict | list):
        if not left:
            raise ValueError("too deep")
        for each in value.values() if isinstance(value, dict) else value:
            _check_depth(each, left - 1)
