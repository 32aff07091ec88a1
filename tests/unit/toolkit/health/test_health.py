"""Health that explains itself: real HTTP servers that refuse, redirect and say OK, as frameworks do."""

import itertools
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import NONE, READY, World
from tests.web_server import Reply, Web
from toolkit import config, slots
from toolkit.config import Health
from toolkit.engine.container import Container, Settings, Status
from toolkit.errors import Failed, Refused
from toolkit.health import cause, check, image_proof, proof
from toolkit.health.answer import Fault
from toolkit.health.check import Check
from toolkit.health.image_proof import ImageProof
from toolkit.release import up_green
from toolkit.rendering import settings_json
from toolkit.values import Address, Duration

OLD, NEW = "1.6.7", "1.6.8"
EXAMPLE = (Path(__file__).parents[4] / "bgctl.example.toml").read_text()
FAST = Health(passes=2, interval=Duration(0.001), timeout=Duration(20))


def as_written(**changes: str) -> config.Config:
    """The example, with these lines of its frontend (or of [preview] and [proxy]) in place of its own."""
    return config.parse(written(EXAMPLE, **changes))


def written(text: str, **changes: str) -> str:
    for key, value in changes.items():
        lines = text.splitlines()
        at = next(i for i, line in enumerate(lines) if line.startswith(f"{key} = "))
        text = "\n".join([*lines[:at], f"{key} = {value}", *lines[at + 1 :]]) + "\n"
    return text


def rewrite(world: World, **changes: str) -> None:
    path = world.root / "bgctl.toml"
    path.write_text(written(path.read_text(), **changes))


def line_of(world: World, key: str) -> str:
    lines = (world.root / "bgctl.toml").read_text().splitlines()
    return f"bgctl.toml:{next(n for n, line in enumerate(lines, 1) if line.startswith(f'{key} = '))}"


class Deployed(BaseHTTPRequestHandler):
    """As Django is deployed: ALLOWED_HOSTS, SECURE_SSL_REDIRECT, SECURE_PROXY_SSL_HEADER, APPEND_SLASH."""

    def do_GET(self) -> None:
        host = self.headers["Host"]
        if host.partition(":")[0] != "shop.example":
            return self._answer(400, b"<h1>Bad Request (400)</h1>")
        if self.headers["X-Forwarded-Proto"] != "https":
            return self._answer(301, to=f"https://{host}{self.path}")
        if self.path == "/health":
            return self._answer(301, to="/health/")
        return self._answer(200, b"OK") if self.path == "/health/" else self._answer(404)

    def _answer(self, status: int, body: bytes = b"", to: str = "") -> None:
        self.send_response(status)
        if to:
            self.send_header("Location", to)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def deployed() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Deployed)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def framework(world: World, deployed: str) -> World:
    """Both slots are that app, and the image is the version."""
    slots_ = {"blue": f'"{deployed}"', "green": '"127.0.0.1:9"'}
    rewrite(world, health='"/health/"', version='"image"', **slots_)
    world.put("rest", READY, NONE)
    return world


@pytest.mark.parametrize(
    "lines",
    [
        {"health_host": '"shop.example"'},
        {"health_host": '"shop.example:8443"'},
        {"url": '"https://shop.example"'},  # where browsers come, of [preview]
        {"health_host": '"shop.example"', "health": '"/health"'},  # without the slash
    ],
)
def test_a_framework_as_it_is_deployed_answers_a_check(framework: World, lines: dict[str, str]) -> None:
    rewrite(framework, **lines)
    project, engine = project_of(framework)
    engine.images["frontend-blue"] = f"shop:{OLD}"
    assert slots.trouble(project, "blue", OLD) is None


def test_the_look_at_idle_connections_is_not_refused_either(world: World) -> None:
    """An app that mails its admins about a Host that it does not know has no reason to."""
    rewrite(world, health_host='"shop.example"')
    project, _ = project_of(world)
    slots.watch_idle(project, ["blue"]).wait()
    (_, headers, _) = world.blue.requests[0]
    assert (headers["Host"], headers["X-Forwarded-Proto"]) == ("shop.example", "https")
    assert "Connection" not in headers


def test_a_host_that_is_refused_is_named_with_the_line_to_write(framework: World) -> None:
    project, _ = project_of(framework)
    seen = slots.trouble(project, "blue", OLD)
    assert seen
    address = project.config.services["frontend"].at("blue")
    assert seen.seen == "frontend-blue: answered status 400"
    assert f"the app may not take the Host {address}" in seen.why
    place = line_of(framework, "health_host")
    assert seen.write == f'{place} [services.frontend]: write health_host = "shop.example"'


def test_status_doctor_and_the_monitor_say_the_same_cause(framework: World) -> None:
    from toolkit.commands import status
    from toolkit.monitor import snapshot
    from toolkit.observe import doctor
    from toolkit.observe.overview import overview
    from toolkit.observe.sources import Sources

    project, _ = project_of(framework)
    found = Sources(project).wait()
    mend = 'health_host = "shop.example"'
    said = list(status.remarks(overview(project, found), project.now()))
    assert any("blue is down: frontend-blue: answered status 400 (" in line and mend in line for line in said)
    alarms = list(snapshot.alarms(snapshot.take(project, found, project.now())))
    assert any(
        "blue is not healthy: frontend-blue: answered status 400" in line and mend in line for line in alarms
    )
    told = next(each for each in doctor.health_problems(project) if "frontend-blue" in str(each))
    assert "frontend-blue: answered status 400: the app may not take" in str(told)
    assert mend in told.next


def test_it_is_plain_http_that_browsers_use_where_cookies_are_not_secure(framework: World) -> None:
    rewrite(framework, health_host='"shop.example"', secure_cookies="false")
    project, _ = project_of(framework)
    seen = slots.trouble(project, "blue", OLD)
    assert seen and "answered status 301, to https://shop.example/health/" in seen.seen
    assert seen.write == f"{line_of(framework, 'secure_cookies')} [proxy]: write secure_cookies = true"


CHECK = Check("frontend", Address("127.0.0.1:8081"), "/health", "127.0.0.1:8081", "https", "json")


def redirected(to: str) -> Fault:
    return Fault("redirect", "answered status 301, to X", 301, to)


@pytest.mark.parametrize(
    ("fault", "why", "write"),
    [
        (Fault("status", "", 400), "may not take the Host 127.0.0.1:8081", 'health_host = "shop.example"'),
        (Fault("status", "", 421), "may not take the Host", 'health_host = "shop.example"'),
        (Fault("status", "", 401), "wants a log-in", 'health = "/…" with a path that answers without'),
        (Fault("status", "", 403), "wants a log-in, or the app does not take the Host", 'health = "/…"'),
        (Fault("status", "", 404), "the app has no /health", 'health = "/…" with a path that it has'),
        (Fault("status", "", 405), "does not answer a GET", 'health = "/…"'),
        (Fault("status", "", 503), "its log says more", ""),
        (
            redirected("https://www.shop.example/health"),
            "asked as www.shop.example",
            'health_host = "www.shop.example"',
        ),
        (redirected("https://127.0.0.1:8081/health"), "does not believe it", "SECURE_PROXY_SSL_HEADER"),
        (redirected("/login?next=/health"), "wants a log-in", 'health = "/login"'),
        (Fault("body", ""), "does not say its version in its answer", 'version = "image"'),
        (Fault("version", ""), "does not say its version in its answer", 'version = "image"'),
        (Fault("version", "", version=OLD), "another version than its name", "build it anew"),
        (Fault("image", ""), "by compose by hand", ""),
        (Fault("name", ""), "the same for every version", "${VERSION}"),
        (Fault("no_answer", "connection refused"), "listens on 127.0.0.1 there", ""),
        (Fault("no_answer", "connection broken"), "another port in its container", ""),
        (Fault("no_answer", "timed out"), "the app hangs", ""),
        (Fault("no_answer", "answered more than 65536 bytes"), "answer with little", 'health = "/…"'),
    ],
)
def test_each_failure_names_its_likely_cause_and_the_line(
    tmp_path: Path, fault: Fault, why: str, write: str
) -> None:
    path = tmp_path / "bgctl.toml"
    path.write_text(EXAMPLE)
    found = cause.of(fault, CHECK, config.parse(EXAMPLE), path)
    assert why in found.why
    assert write in found.write
    if found.edits:
        key = found.write.partition("write ")[2].split()[0]
        line = next(n for n, line in enumerate(EXAMPLE.splitlines(), 1) if line.startswith(f"{key} = "))
        assert found.write.startswith(f"bgctl.toml:{line} [services.frontend]: write {key} = ")


def test_a_host_of_ones_own_that_is_refused_is_not_recommended_again(tmp_path: Path) -> None:
    found = as_written(health_host='"shop.example"')
    told = cause.of(
        Fault("status", "", 400), check.of(found, "frontend", "blue"), found, tmp_path / "bgctl.toml"
    )
    assert 'write health_host = "…"' in told.write


def test_where_nothing_runs_that_is_the_cause(world: World) -> None:
    project, engine = project_of(world)
    rewrite(world, blue='"127.0.0.1:9"')
    project, engine = project_of(world)
    engine.there.discard("frontend-blue")
    assert slots.fault(project, "blue", OLD) == "frontend-blue: connection refused: it has no container"


# What waiting does not change


def proven(app: Web, times: Health = FAST) -> None:
    one = Check("frontend", Address(app.address), "/healthz", app.address, "https", "json")
    proof.prove("frontend-green", one, NEW, times)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "PATIENCE", 0.01)


@pytest.mark.parametrize(
    ("reply", "seen"),
    [
        ((200, b"OK"), "answered something that is not a JSON object"),
        ((200, {"status": "ok"}), "answered without a version"),
        ((200, {"version": OLD}), f"answered {OLD}, wanted {NEW}"),
        ((400, b""), "answered status 400"),
        ((401, b""), "answered status 401"),
        ((404, b""), "answered status 404"),
        ((302, b""), "answered status 302"),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_an_answer_that_lasts_is_not_waited_for(web: Callable[[], Web], reply: Reply, seen: str) -> None:
    """The time-out is 20 s here: it takes a moment, and more than one answer."""
    app = web()
    app.answers["/healthz"] = reply
    with pytest.raises(Failed, match=rf"{seen}, \d+ times in a row in 0 s, which waiting does not change"):
        proven(app)
    assert len(app.requests) > FAST.passes


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_what_may_pass_is_waited_for(web: Callable[[], Web], status: int) -> None:
    app = web()
    app.answers["/healthz"] = (status, b"")
    times = Health(passes=2, interval=Duration(0.001), timeout=Duration(0.1))
    with pytest.raises(Failed, match=rf"answered status {status}, after 0\.1 s"):
        proven(app, times)


def test_an_app_that_answers_404_until_it_has_started_up_is_healthy_then(web: Callable[[], Web]) -> None:
    app = web()
    good: Reply = (200, {"version": NEW})
    replies: Iterator[Reply] = itertools.chain(
        [(404, b"")] * 3, [(503, b"")], [(404, b"")] * 3, itertools.repeat(good)
    )
    app.answers["/healthz"] = lambda: next(replies)
    proven(app)
    assert len(app.requests) == 9


@pytest.mark.parametrize(
    ("fault", "times", "seconds", "final"),
    [
        (Fault("status", "", 400), 4, 5, True),
        (Fault("status", "", 400), 3, 5, False),  # as many as would make it healthy
        (Fault("status", "", 400), 9, 4.9, False),
        (Fault("status", "", 404), 99, 14.9, False),  # some servers listen before they have deployed the app
        (Fault("status", "", 404), 99, 15, True),
        (Fault("status", "", 503), 999, 999, False),
        (Fault("no_answer", "connection refused"), 999, 999, False),
        (Fault("version", "", version=OLD), 4, 5, True),
        (redirected("https://a/"), 4, 5, True),
    ],
)
def test_how_long_the_same_answer_is_waited_for(
    fault: Fault, times: int, seconds: float, final: bool
) -> None:
    assert proof.is_final(fault, times, seconds, passes=3) is final


@pytest.mark.usefixtures("impatient")
def test_a_plain_ok_costs_seconds_and_says_what_to_write(world: World) -> None:
    world.put("rest", READY, NONE)
    world.serve = lambda slot, version: slot.answers.update({"/healthz": (200, b"OK")})  # type: ignore[method-assign]
    world.serve(world.green, NEW)
    project, _ = project_of(world)
    with pytest.raises(Failed) as told:
        up_green.run(project, NEW)
    assert "answered something that is not a JSON object, " in told.value.why
    assert "times in a row" in told.value.why
    place = line_of(world, "version")
    assert told.value.next == f'{place} [services.frontend]: write version = "image", then: bgctl up'


# The version by the image


def running(**images: str) -> dict[str, Container]:
    return {
        f"frontend-{slot}": Container(slot, Status("running", True), Settings(image))
        for slot, image in images.items()
    }


def proof_of(image: str, wanted: str = "", asked: list[str] | None = None) -> ImageProof:
    def image_of(name: str, version: str) -> str:
        (asked if asked is not None else []).append(name)
        return wanted.replace("VERSION", version)

    return ImageProof(lambda: running(green=image), image_of)


@pytest.mark.threat(36)
@pytest.mark.parametrize(
    ("runs", "compose", "seen"),
    [
        (f"shop:{NEW}", "", None),  # the compose file need not be read for this
        (f"registry.example:5000/team/shop:{NEW}", "", None),
        (f"docker.io/library/shop:{NEW}@sha256:abcd", "", None),
        (f"shop:v{NEW}-slim", "shop:vVERSION-slim", None),
        (f"old.example/shop:v{NEW}", "new.example/shop:vVERSION", None),  # a registry that has moved
        (f"shop:{OLD}", "shop:VERSION", f"runs shop:{OLD}, wanted shop:{NEW}"),
        (f"shop:{NEW}-rc1", "shop:VERSION", f"runs shop:{NEW}-rc1, wanted shop:{NEW}"),
        (f"shop:{NEW}1", "shop:VERSION", f"runs shop:{NEW}1, wanted shop:{NEW}"),
        ("shop:latest", "shop:VERSION", f"runs shop:latest, wanted shop:{NEW}"),
        ("shop", "shop", f"runs shop, and neither that name nor its answer says {NEW}"),
    ],
)
def test_36_a_version_is_the_image_that_its_container_runs(runs: str, compose: str, seen: str | None) -> None:
    found = proof_of(runs, compose).fault("frontend-green", CHECK, NEW)
    assert (found and found.seen) == seen


def test_an_image_called_the_same_for_each_version_leaves_it_to_the_answer(web: Callable[[], Web]) -> None:
    app = web()
    one = Check("frontend", Address(app.address), "/healthz", app.address, "https", "image")
    app.answers["/healthz"] = (200, {"version": NEW})
    assert proof_of("shop:latest", "shop:latest").fault("frontend-green", one, NEW) is None
    app.answers["/healthz"] = (200, {"version": OLD})
    assert proof_of("shop:latest", "shop:latest").fault("frontend-green", one, NEW)


@pytest.mark.threat(36)
def test_36_what_answers_without_a_container_of_its_own_is_somebody_else(world: World) -> None:
    rewrite(world, version='"image"')
    project, engine = project_of(world)
    engine.there.discard("frontend-blue")
    assert "no container of frontend-blue runs" in (slots.fault(project, "blue", OLD) or "")


@pytest.mark.threat(39)
def test_39_a_silent_engine_is_not_asked_again_and_takes_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def silent() -> dict[str, Container]:
        asked.append(1)
        raise Failed("the engine does not answer")

    one = ImageProof(silent, lambda name, version: "")
    assert [one.fault("frontend-green", CHECK, NEW) for _ in range(3)] == [None] * 3
    assert len(asked) == 1
    monkeypatch.setattr(image_proof, "AGAIN", 0)
    one.fault("frontend-green", CHECK, NEW)
    assert len(asked) == 2


def test_the_compose_file_is_read_once_for_a_version() -> None:
    asked: list[str] = []
    one = proof_of(f"shop:v{NEW}", "shop:vVERSION", asked)
    assert [one.fault("frontend-green", CHECK, NEW) for _ in range(3)] == [None] * 3
    assert asked == ["frontend-green"]


def test_a_compose_file_that_is_broken_takes_nobody_out() -> None:
    def broken(name: str, version: str) -> str:
        raise Refused("the compose file was not understood")

    one = ImageProof(lambda: running(green=f"shop:v{NEW}"), broken)
    assert one.fault("frontend-green", CHECK, NEW) is None


@pytest.fixture
def by_image(world: World) -> World:
    """An app that says OK, and nothing of its version."""
    rewrite(world, version='"image"')
    world.serve = lambda slot, version: slot.answers.update({"/healthz": (200, b"OK")})  # type: ignore[method-assign]
    world.serve(world.blue, OLD)
    world.put("rest", READY, NONE)
    return world


def test_a_green_that_runs_another_image_is_started_anew(by_image: World) -> None:
    project, engine = project_of(by_image)
    engine.images = {"frontend-blue": f"shop:{OLD}", "frontend-green": f"shop:{NEW}"}
    engine.runs["frontend-green"] = "shop:1.6.6"
    up_green.run(project, NEW)
    assert engine.asked == ["up frontend-green"]
    up_green.run(project, NEW)
    assert engine.asked == ["up frontend-green"], "it runs already"


def test_a_version_that_the_app_says_otherwise_is_told(
    by_image: World, capsys: pytest.CaptureFixture[str]
) -> None:
    by_image.serve = lambda slot, version: slot.answers.update({"/healthz": (200, {"version": OLD})})  # type: ignore[method-assign]
    project, engine = project_of(by_image)
    engine.images = {"frontend-blue": f"shop:{OLD}", "frontend-green": f"shop:{NEW}"}
    engine.runs["frontend-green"] = "shop:1.6.6"
    up_green.run(project, NEW)
    said = " ".join("".join(capsys.readouterr()).split())
    assert f"frontend-green runs the image of {NEW}, and its health path says {OLD}" in said


def test_a_proxy_that_asks_by_older_settings_is_told_before_a_release(by_image: World) -> None:
    """It would find a good green down, and send its sessions to blue."""
    project, engine = project_of(by_image)
    engine.images = {"frontend-blue": f"shop:{OLD}", "frontend-green": f"shop:{NEW}"}
    engine.runs["frontend-green"] = "shop:1.6.6"
    (by_image.root / "proxy").mkdir()
    settings = by_image.root / "proxy" / "settings.json"
    settings.write_bytes(settings_json.render(as_written()))
    with pytest.raises(Refused, match="the proxy asks slots for their health otherwise") as told:
        up_green.run(project, NEW)
    assert (told.value.next, engine.asked) == ("bgctl reload", [])
    settings.write_bytes(settings_json.render(project.config))
    up_green.run(project, NEW)
    assert engine.asked == ["up frontend-green"]


# The settings


@pytest.mark.parametrize(
    ("lines", "host", "scheme"),
    [
        ({}, "127.0.0.1:8081", "https"),
        ({"url": '"https://shop.example"'}, "shop.example", "https"),
        ({"url": '"https://shop.example:8443"'}, "shop.example:8443", "https"),
        ({"url": '"https://shop.example"', "health_host": '"api.shop.example"'}, "api.shop.example", "https"),
        ({"secure_cookies": "false"}, "127.0.0.1:8081", "http"),
        ({"health_host": '"[2001:db8::1]:8443"'}, "[2001:db8::1]:8443", "https"),
    ],
)
def test_a_check_comes_as_browsers_do(lines: dict[str, str], host: str, scheme: str) -> None:
    found = check.of(as_written(**lines), "frontend", "blue")
    assert (found.host, found.scheme) == (host, scheme)
    assert (found.headers["Host"], found.headers["X-Forwarded-Proto"]) == (host, scheme)


def test_the_image_is_the_default_and_a_shared_service_has_no_version() -> None:
    text = EXAMPLE.replace('version = "json"', "mirror = 0", 1).replace("mirror = 0  ", "# ", 1)
    found = config.parse(text)
    assert found.services["frontend"].version == "image"
    assert check.of(found, "session-api").proof == ""


@pytest.mark.threat(50)
@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("health_host", '"https://shop.example"', "write one like"),
        ("health_host", '"shop.example/x"', "write one like"),
        ("health_host", '"a b"', "write one like"),
        ("version", '"yaml"', 'write one like "image"'),
        ("version", '"header:"', 'write one like "image"'),
        ("version", '"header:X Y"', 'write one like "image"'),
    ],
)
def test_50_a_mistake_in_them_is_named(key: str, value: str, said: str) -> None:
    with pytest.raises(Refused, match=said) as told:
        as_written(**{key: value})
    assert f"services.frontend.{key}: " in str(told.value)


@pytest.mark.threat(50)
def test_50_a_version_of_a_shared_service_is_refused() -> None:
    with pytest.raises(Refused, match=r"services\.session-api\.version: is for a service with two slots"):
        config.parse(EXAMPLE.replace('health = "/readyz"', 'health = "/readyz"\nversion = "json"'))
