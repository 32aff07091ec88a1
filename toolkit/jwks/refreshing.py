"""Looks at identity providers again, and puts their keys into force: keys/verify/jwks.json, by a rename.

It has a lock of its own: a release may hold the project's for hours, and a provider does not wait for it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from msgspec.structs import replace

from session_api.errors import SetupError
from session_api.keys import document, issuer_keys
from session_api.keys.issuer_keys import Source
from toolkit.config.jwks_table import KeySet
from toolkit.errors import BgctlError, Failed
from toolkit.files import disk
from toolkit.jwks import fetching, key_set, merging, record
from toolkit.jwks.record import Look
from toolkit.project import Project

AGAIN = 60.0  # seconds after which a provider that gave no good answer is asked again


def due(project: Project) -> list[str]:
    """The providers that are to be looked at, by the record and the clock."""
    looks, now = record.read(project.state_dir), project.now().timestamp()
    return [name for name, table in project.config.jwks.items() if _is_due(table, looks.get(name), now)]


def is_wanted(project: Project) -> bool:
    """Whether there is anything to do: a provider that is due, or one whose table is gone."""
    return bool(due(project) or record.read(project.state_dir).keys() - project.config.jwks.keys())


def run(project: Project, names: list[str]) -> dict[str, Look]:
    """Looks at these providers. What is known of the others stays, save that past keys go.

    Returns all looks. Raises BgctlError if there are no keys yet, or the disk is full or broken.
    """
    with _alone(project):
        looks, known, taken = record.read(project.state_dir), _known(project), _our_kids(project)
        sources: list[Source] = []
        made: dict[str, Look] = {}
        for name, table in project.config.jwks.items():
            before = _with_terms(known.get(name) if known else None, name, table)
            source, look = before, looks.get(name)
            if name in names or known is None:
                source, look = _look(project, before, table, look)
            source, double = merging.without(merging.current_only(source, project.now()), taken)
            taken.update(key.kid for key in source.keys if key.kid)
            sources.append(source)
            if look:
                made[name] = _noted(look, double)
        # Of a damaged file, proxy and session API keep the last good one, until there are good answers.
        if known is not None or not any(look.error for look in made.values()):
            _write(project, list((known or {}).values()), sources)
        record.write(project.state_dir, made)
        return made


def at_start(project: Project) -> str:
    """Looks at those that are due. A provider that does not answer keeps nobody from being served."""
    looks = run(project, due(project))
    failed = {name: look for name, look in looks.items() if look.error}
    for name, look in failed.items():
        project.ui.warn(f"the keys of {name}: {look.error}; next: bgctl keys refresh")
    return f"of {', '.join(name for name in looks if name not in failed) or 'none'}"


def _is_due(table: KeySet, look: Look | None, now: float) -> bool:
    if look is None or look.place != table.place:
        return True
    wait = min(table.interval, AGAIN) if look.error else table.interval
    return not look.checked_at <= now < look.checked_at + wait


def _with_terms(source: Source | None, name: str, table: KeySet) -> Source:
    """The source as bgctl.toml has it by now."""
    terms = {"issuer": table.issuer or None, "audience": table.audience or None}
    return replace(source or Source(name, []), **terms)


def _look(project: Project, before: Source, table: KeySet, last: Look | None) -> tuple[Source, Look]:
    now = project.now().replace(microsecond=0)
    at = project.now().timestamp()
    good_at = last.good_at if last and last.place == table.place else None
    try:
        found = _keys_of(table, fetching.text_of(table, project.root))
    except BgctlError as error:
        return before, Look(at, table.place, good_at, str(error), error.next)
    ends = now + timedelta(seconds=int(project.config.tokens.longest))
    source = merging.merged(before, found.keys, now, ends)
    return source, Look(at, table.place, at, notes=found.notes)


def _keys_of(table: KeySet, text: bytes) -> key_set.KeySet:
    """Raises Failed, with where it was looked for."""
    try:
        return key_set.read(text, str(table.algorithm))
    except Failed as error:
        show = "curl" if table.url else "cat"
        raise Failed(
            f"{table.place}: {error.what}", error.why, error.next or f"{show} {table.place}"
        ) from None


def _noted(look: Look, double: list[str]) -> Look:
    """The look, with the keys that are left out because of their names."""
    told = [f"key {kid} has the name of a key that is here already, and is left out" for kid in double]
    return replace(look, notes=(*look.notes, *(each for each in told if each not in look.notes)))


def _known(project: Project) -> dict[str, Source] | None:
    """What is in force, by name; None if the file is damaged."""
    try:
        return {source.name: source for source in issuer_keys.read(project.keys_dir)}
    except SetupError:
        return None


def _our_kids(project: Project) -> set[str]:
    try:
        return {entry.kid for entry in document.read(project.keys_dir).keys}
    except SetupError as error:
        raise Failed(error.what, next=error.next_step) from None


def _write(project: Project, known: list[Source], sources: list[Source]) -> None:
    if sources == known and issuer_keys.place(project.keys_dir).exists():
        return
    try:
        issuer_keys.write(project.keys_dir, sources, project.owner)
    except OSError as error:
        raise disk.unwritten(project.keys_dir, error) from None


@contextmanager
def _alone(project: Project) -> Iterator[None]:
    """Waits for another bgctl that does this: it takes some seconds for each provider, and no longer."""
    path = project.keys_dir / ".jwks.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise Failed(f"{project.keys_dir} does not exist", next="bgctl keys init") from None
    except OSError as error:
        raise disk.unwritten(path, error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
