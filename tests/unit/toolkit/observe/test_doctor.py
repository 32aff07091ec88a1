"""Doctor tells all that is wrong in one run, each with its line and what to write; `up` refuses with it."""

import json
from pathlib import Path
from typing import Any

import pytest

from session_api.keys import key_files, shared_keys, signing_keys
from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import NONE, READY, World
from toolkit import config
from toolkit.checks.looks import Finding, Looks, Problems
from toolkit.errors import ALL, Failed, NotYet, Refused, together
from toolkit.files import adoption_file
from toolkit.files.adoption_file import Adoption
from toolkit.observe.doctor import examine
from toolkit.release import shared_services, up
from toolkit.terminal.ui import UI

pytestmark = pytest.mark.whole


def edit(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text)


def doctor(world: World) -> list[dict[str, Any]]:
    done = world.bgctl("doctor", "--json")
    found: list[dict[str, Any]] = json.loads(done.stdout)["checks"]
    return found


def test_eleven_mistakes_are_as_many_findings_of_one_run(world: World) -> None:
    edit(
        world.root / "bgctl.toml",
        ("workers = 0", "wrokers = 2"),
        ('read_timeout = "60s"', 'read_timeout = "60"'),
        ('unavailable_page = ""', 'unavailable_page = "sorry.html"'),
        ('check = "2s" ', 'check = "off" '),
        ("access_log = false", "access_log = true"),
        ('access_log_file = ""', 'access_log_file = "access.log"'),
        ("margin = 0.005", 'margin = "little"'),
    )
    edit(world.root / ".env", ("CURRENT_VERSION", "CURRENT_VERSIN"))
    edit(
        world.root / "compose.yaml",
        ("/tmp:mode=1777,size=512m", "/tmp:mode=1777,size=64m"),
        ("./proxy/log:/var/log/bgctl", "./proxy/log:/var/log"),
        ("  frontend-green:", "  frontend-gren:"),
        ("  session-api:", "  session_api:"),
    )
    signing_keys.create(world.root / "keys")
    (world.root / "keys" / "admin.key").unlink()
    (world.root / "keys" / "admin.key").write_text("b" * 40)
    found = [each for each in doctor(world) if each["result"] in ("fail", "warn")]
    said = "\n".join(f"{each['check']}: {each['seen']} | {each['next']}" for each in found)
    for mistake in (
        "wrokers: is not a setting",
        "proxy.read_timeout: '60' is not a duration; write one like \"500ms\"",
        "health.check: cannot be off",
        "canary.margin: Expected `float`, got `str`",
        "proxy.unavailable_page names sorry.html",
        ".env has no CURRENT_VERSION",
        "no service frontend-green",
        "no service session-api",
        "a body of max_body (100m) finds no room",
        'the proxy has no folder for its access log: [proxy] access_log_file = "access.log"',
        "nobody reads keys/admin.key",
    ):
        assert mistake in said
    assert "bgctl.toml:" in said
    assert "compose.yaml:15: a body" in said
    assert all(each["next"] and "doctor" not in each["next"] for each in found)


def test_what_follows_from_a_mistake_is_no_second_one() -> None:
    """An address that is none leaves a slot without one; a name that is none leaves a project without."""
    example = Path(__file__).parents[4] / "bgctl.example.toml"
    text = example.read_text().replace('blue = "127.0.0.1:8081"', 'blue = "here"')
    with pytest.raises(Refused) as caught:
        config.parse(text.replace('name = "shop" ', 'name = "My Shop" '))
    assert "project.name" in str(caught.value)
    assert caught.value.detail.count("and bgctl.toml:") == 1
    assert "services.frontend.blue" in caught.value.detail


def test_all_that_is_wrong_with_a_configuration_is_told_by_every_command(world: World) -> None:
    edit(world.root / "bgctl.toml", ("workers = 0", "wrokers = 2"), ('check = "2s" ', 'check = "off" '))
    done = world.bgctl("status")
    assert done.returncode == 3
    first, second = done.stderr.splitlines()[:2]
    assert "wrokers" in first
    assert second.startswith("and bgctl.toml:")
    assert "health.check" in second
    assert done.stderr.rstrip().endswith("next: edit bgctl.toml")


def test_up_refuses_with_all_of_it(world: World) -> None:
    project, engine = project_of(world)
    engine.missing = {"a:1", "b:1"}
    engine.images = {"proxy": "a:1", "frontend-blue": "b:1"}

    def pull(image: str) -> None:
        raise Failed(f"{image} could not be pulled", "no such host")

    engine.pull = pull  # type: ignore[method-assign]
    edit(world.root / "bgctl.toml", ('unavailable_page = ""', 'unavailable_page = "sorry.html"'))
    project, again = project_of(world)
    again.__dict__.update(engine.__dict__)
    with pytest.raises(Refused) as caught:
        up.run(project)
    told = f"{caught.value}\n{caught.value.detail}"
    assert "proxy.unavailable_page names sorry.html" in told
    assert "image a:1 is missing" in told
    assert "image b:1 is missing" in told
    assert engine.asked == []
    assert not project.adopted


def test_a_look_is_left_out_where_its_ground_is_missing() -> None:
    def broken() -> Problems:
        yield from ()
        raise Refused("no engine", "none answers", "start docker")

    def good() -> Problems:
        yield from ()
        return "here"

    looks = Looks()
    looks.take("engine", broken)
    looks.take("images", good, needs=["engine"])
    looks.take("ports", good, needs=["images"])
    looks.take("state", good)
    assert [(each.check, each.result) for each in looks.findings] == [
        ("engine", "fail"),
        ("images", "skip"),
        ("ports", "skip"),
        ("state", "ok"),
    ]


def test_several_errors_are_one_with_each_next_command() -> None:
    found = together([Refused("a", "b", "c"), NotYet("d", "e", "f"), Failed("g")])
    assert (type(found), str(found), found.next) == (Refused, "a: b", ALL)
    assert found.detail == "    next: c\nand d: e\n    next: f\nand g"
    alike = together([Refused("a", next="c"), Refused("d", next="c", detail="its log")])
    assert (alike.next, alike.detail) == ("c", "and d\nits log")


# Never in circles: what refuses the admin key is named, and mended by the command that is named.


def refuse(world: World) -> None:
    world.api.answers["/api/deployment/active-sessions"] = (401, b"{}")


def test_a_refused_admin_key_names_what_mends_it(world: World) -> None:
    world.put("rest", READY, NONE)
    refuse(world)
    done = world.bgctl("sessions")
    assert "the session API refuses our admin key: it has another one than" in done.stderr
    assert done.stderr.rstrip().endswith("next: bgctl up")
    told = [each for each in doctor(world) if each["check"] == "session API"]
    assert [(each["result"], each["next"]) for each in told] == [("fail", "bgctl up")]


def test_up_makes_a_session_api_anew_that_refuses_us(world: World) -> None:
    world.put("rest", READY, NONE)
    project, engine = project_of(world)
    world.api.answers["/readyz"] = (200, b"")
    signing_keys.create(world.root / "keys")
    good = world.api.answers["/api/deployment/active-sessions"]
    refuse(world)
    start = engine.up

    def mended(service: str, env: Any, grace: float = 10, old: Any = None) -> None:
        start(service, env, grace)
        world.api.answers["/api/deployment/active-sessions"] = good

    engine.up = mended  # type: ignore[assignment,method-assign]
    shared_services.start(project, "session-api")
    assert engine.asked == ["up session-api"]
    engine.up = start  # type: ignore[method-assign]
    refuse(world)
    with pytest.raises(Failed) as caught:
        shared_services.start(project, "session-api")
    assert "./keys/admin:/keys/admin:ro" in str(caught.value)


@pytest.mark.parametrize("stopped", [False, True])
def test_an_adoption_that_is_half_done_is_told(world: World, stopped: bool) -> None:
    world.put("rest", READY, NONE)
    begun = Adoption("2026-01-15T10:30:00Z", "redirect", (), {}, stopped=stopped)
    adoption_file.write(world.root / "state", begun)
    (told,) = [each for each in doctor(world) if "adoption" in each["seen"]]
    assert (told["check"], told["result"]) == ("state", "warn")
    assert ("bgctl adopt --back" in told["next"]) is not stopped


def test_a_key_beside_the_one_in_force_is_told(world: World) -> None:
    keys = world.root / "keys"
    (keys / "admin.key").unlink()
    signing_keys.create(keys)
    assert key_files.ignored(keys) == []
    shared_keys.move(keys)
    (keys / "admin.key").symlink_to("admin/admin.key")
    assert key_files.ignored(keys) == []
    (keys / "admin.key").unlink()
    (keys / "admin.key").write_text("new")
    assert key_files.ignored(keys) == ["admin.key"]


def test_findings_are_what_they_were_for_programs(world: World) -> None:
    found = examine(world.root, UI(True), "doctor")
    assert all(isinstance(each, Finding) for each in found)
    assert {each.check for each in found} >= {
        "configuration",
        "env file",
        "engine",
        "images",
        "ports",
        "machine",
    }
