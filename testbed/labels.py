"""Puts the label of a run on all containers, networks and volumes that its tests make.

At the end of the run, what has this label is removed, and nothing else.
"""

from __future__ import annotations

import os
import re

RUN = "bgctl.run"
# Heads of a compose file: of a section, of a service, and of a network or volume that has no settings.
_SECTION = re.compile(r"^(\w+):$", re.MULTILINE)
_SERVICE = re.compile(r"^  ([\w-]+):$", re.MULTILINE)
_PLAIN = re.compile(r"^  ([\w-]+):(?: \{\})?( *#.*)?$", re.MULTILINE)


def labels() -> dict[str, str]:
    """The label, by its name; none outside a run, where all is removed by its project's name."""
    run = os.environ.get("BGCTL_RUN", "")
    return {RUN: run} if run else {}


def labelled(compose: str) -> str:
    """The text of a compose file, with the label on all its services, networks and volumes.

    It goes by the file's indentation: parsed and written again, the text would be another one.
    """
    if not labels():
        return compose
    parts = _SECTION.split(compose)
    for name, place in zip(parts[1::2], range(2, len(parts), 2), strict=True):
        pattern = {"services": _SERVICE, "networks": _PLAIN, "volumes": _PLAIN}.get(name)
        if pattern:
            parts[place] = pattern.sub(_with_label, parts[place])
    heads = [f"{part}:" if number % 2 else part for number, part in enumerate(parts)]
    return "".join(heads)


def _with_label(line: re.Match[str]) -> str:
    (run,) = labels().values()
    return f'  {line[1]}:\n    labels: {{{RUN}: "{run}"}}'
