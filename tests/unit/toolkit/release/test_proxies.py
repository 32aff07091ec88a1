"""On several hosts proxies are replaced, and only where something of theirs has changed."""

import re

import pytest

from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import World
from toolkit.kept_state import OnThisHost
from toolkit.release import up
from toolkit.rendering import reload

READY = {"version": "1.6.7", "state": "ready", "weight": 100}
NONE = {"version": None, "state": "maint", "weight": 0}


@pytest.mark.parametrize("current", [True, False])
def test_they_are_replaced_where_they_have_something_else(
    world: World, monkeypatch: pytest.MonkeyPatch, current: bool
) -> None:
    world.put("rest", READY, NONE)
    path = world.root / "bgctl.toml"
    path.write_text(re.sub(r'engine = "\w+"', 'engine = "swarm"', path.read_text()))
    project, engine = project_of(world)
    project.__dict__["_kept"] = OnThisHost(project.state_path)  # no Redis is needed to compare
    rendered = world.root / "proxy" / "nginx.conf"
    rendered.unlink(missing_ok=True)

    def is_current(service: str, env: object) -> bool:
        assert rendered.exists(), "what they are to have is there before it is compared"
        return current

    monkeypatch.setattr(engine, "is_current", is_current, raising=False)
    note = up.start_proxy(project)
    assert engine.asked == ([] if current else ["up proxy"])
    assert (note == reload.NOTHING) is current
