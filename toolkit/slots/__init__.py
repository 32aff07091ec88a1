"""A slot as a whole: all its services start, are proven and stop together.

Blue and green are the two slots. Each has the containers of one version.
"""

from toolkit.slots.preconditions import (
    check_images,
    check_port,
    check_return,
    check_slot_images,
    check_versions,
)
from toolkit.slots.proven import is_kept
from toolkit.slots.services import (
    addresses,
    checks,
    containers,
    describe,
    first_names,
    has_sessions,
    home,
    members,
    names,
    names_of_all,
    need_engine,
    public,
    unchanged,
    unchanged_names,
    workers,
)
from toolkit.slots.serving import absent, answers, dead, serves
from toolkit.slots.standing import standing
from toolkit.slots.starting import prove, prove_by_engine, prove_service, start, start_unchanged
from toolkit.slots.stopping import keep_running, overstayed, remove, stop, surplus, wait_empty
from toolkit.slots.trouble import contradictions, fault, shared_trouble, trouble, troubles, watch_idle

__all__ = [
    "absent",
    "addresses",
    "answers",
    "check_images",
    "check_port",
    "check_return",
    "check_slot_images",
    "check_versions",
    "checks",
    "containers",
    "contradictions",
    "dead",
    "describe",
    "fault",
    "first_names",
    "has_sessions",
    "home",
    "is_kept",
    "keep_running",
    "members",
    "names",
    "names_of_all",
    "need_engine",
    "overstayed",
    "prove",
    "prove_by_engine",
    "prove_service",
    "public",
    "remove",
    "serves",
    "shared_trouble",
    "standing",
    "start",
    "start_unchanged",
    "stop",
    "surplus",
    "trouble",
    "troubles",
    "unchanged",
    "unchanged_names",
    "wait_empty",
    "watch_idle",
    "workers",
]
