"""While an adoption is under way, the proxy listens elsewhere: the public port is still another one's."""

import re
from collections.abc import Mapping

from toolkit.files.adoption_file import Adoption


def moved(conf: str, adoption: Adoption | None) -> str:
    """nginx.conf with the temporary listeners of an adoption: instead of the public ones, or beside them.

    QUIC comes with the public port only: it is UDP, of which nothing is redirected.
    """
    if adoption is None or not adoption.temporary:
        return conf
    lines: list[str] = []
    for line in conf.splitlines(keepends=True):
        lines += _listeners(line, adoption.temporary, adoption.real)
    return "".join(lines)


def _listeners(line: str, temporary: Mapping[str, str], real: bool) -> list[str]:
    found = re.match(r"\s*listen (\S+?)[ ;]", line)
    if found is None or found[1] not in temporary:
        return [line]
    if re.search(r"\bquic\b", line):
        return [line] if real else []
    there = line.replace(found[1], temporary[found[1]], 1)
    return [line, there] if real else [there]
