"""A gap that fails: what ran before has to run again, whatever has become of the proxy."""

import pytest

from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import NONE, READY, World
from toolkit.adopt import gap
from toolkit.adopt.holders import Holder
from toolkit.adopt.plan import Plan
from toolkit.engine.container import SERVICE, Container, Settings, Status
from toolkit.errors import Failed
from toolkit.files import adoption_file
from toolkit.files.adoption_file import GAP, Adoption
from toolkit.rendering import reload
from toolkit.values import Address

TEMPORARY = {"0.0.0.0:18000": "0.0.0.0:30000"}


def test_what_ran_runs_again_also_where_the_proxy_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.put("rest", READY, NONE)
    project, engine = project_of(world)
    adoption_file.write(world.root / "state", Adoption("2026-01-15T10:30:00Z", GAP, (), TEMPORARY))
    web = Container("a1", Status("running", True), Settings("x:1", {SERVICE: "web"}))
    planned = Plan((web,), (Holder(web, (Address("0.0.0.0:18000"),), (8000,)),), (), TEMPORARY, GAP)

    def fails(*_: object) -> None:
        adoption_file.write(
            world.root / "state", Adoption("2026-01-15T10:30:00Z", GAP, (), TEMPORARY, True, True)
        )
        raise Failed("the proxy does not listen", "not within 15 s", "bgctl doctor")

    def gone(_: object) -> None:
        raise Failed("the proxy does not answer", "connection refused", "bgctl up")

    monkeypatch.setattr(gap, "rehearse", lambda *_: (0.5, "web stops in 0.5 s"))
    monkeypatch.setattr(gap, "_take", fails)
    monkeypatch.setattr(reload, "replace_workers", gone)
    start = engine.asked.append
    monkeypatch.setattr(engine, "start", lambda container: start(f"start {container.id}"), raising=False)
    with pytest.raises(Failed) as failed:
        gap.take(project, planned, yes=True)
    assert failed.value.what == "the proxy does not listen"
    assert engine.asked[-2:] == ["remove proxy", "start a1"]
    found = adoption_file.read(world.root / "state")
    assert found is not None
    assert (found.stopped, found.real) == (False, False)
    assert "the proxy does not answer" in capsys.readouterr().err
