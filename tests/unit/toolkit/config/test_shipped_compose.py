"""compose/bgctl.yaml, which projects copy: the same two services as in the demo's compose file."""

from __future__ import annotations

from typing import Any

import msgspec

from testbed.project import ROOT


def services(name: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.yaml.decode((ROOT / "compose" / name).read_bytes())["services"]
    return found


def test_what_projects_copy_is_what_the_demo_runs() -> None:
    ours, demo = services("bgctl.yaml"), services("compose.yaml")
    assert set(ours) == {"proxy", "session-api"}
    demo["session-api"].pop("networks")  # the demo's store has a network of its own
    assert ours == {name: demo[name] for name in ours}
