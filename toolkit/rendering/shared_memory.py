"""The sizes of the proxy's shared dictionaries, which stay while its container does.

nginx empties a dictionary when a reload changes its size, and then everybody whom it held would be new. So a
running proxy keeps the sizes that it began with; those of bgctl.toml come with a new container, after which
the session API tells it whom it knew.
"""

import re
from collections.abc import Mapping

ZONE = re.compile(r"(?m)^( *lua_shared_dict )(\w+)( )(\w+)(;)")
SETTING = "[proxy] sessions"
# A reload that changed the sizes would empty the memory in which sessions are known.
WAITS = f"{SETTING} waits for a new container of the proxy: bgctl status says how"


def sizes(conf: str) -> dict[str, str]:
    """Of an nginx.conf: the name of each dictionary, and its size."""
    return {found[2]: found[4] for found in ZONE.finditer(conf)}


def differ(running: str, wanted: Mapping[str, str]) -> bool:
    """Whether the nginx.conf `running` has other sizes than these, by what stands behind bg_ in the names."""
    known = sizes(running)
    return any(known.get(f"bg_{name}", size) != size for name, size in wanted.items())


def kept(conf: str, running: str) -> str:
    """`conf` with the sizes that the nginx.conf `running` has; a dictionary that is new has its own."""
    known = sizes(running)
    return ZONE.sub(lambda each: f"{each[1]}{each[2]}{each[3]}{known.get(each[2], each[4])}{each[5]}", conf)
