"""What browsers get: the client module, the log-in, the dashboard and its data."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import falcon
import pytest
import requests
from api_support import NOW, Api, HandClock
from falcon import testing
from hypothesis import given
from hypothesis import strategies as st

from session_api import history, static, throttle
from session_api.admin import LIFE, AdminLogin
from session_api.cookies import Cookie
from session_api.history import TAIL
from session_api.stores.sqlite import SqliteStore

PATH = "/api/deployment/dashboard"
HOST = "http://falconframework.org"  # what falcon.testing says in Host
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def log_in(api: Api, key: str | None = None, **headers: str) -> testing.Result:
    body = urlencode({"username": "admin", "key": key or api.admin_key})
    headers = {"Origin": HOST} | FORM | headers
    return api.client.simulate_post(f"{PATH}/login", body=body, headers=headers)


def cookie_of(result: testing.Result) -> str:
    return result.headers["set-cookie"].partition(";")[0]


def data(api: Api, cookie: str, **params: Any) -> testing.Result:
    return api.client.simulate_get(f"{PATH}/data", headers={"Cookie": cookie}, params=params)


def has_form(result: testing.Result) -> bool:
    return 'type="password"' in result.text


# The files.


def test_every_file_is_served_and_nothing_else(api: Api) -> None:
    folder = Path(static.__file__).parent / "web"
    pages = {"dashboard.html", "login.html"}
    served = {url.rpartition("/")[2] for url in static.resources()}
    assert {file.name for file in folder.iterdir()} == served | pages
    for url in static.resources():
        result = api.client.simulate_get(url)
        assert (result.status_code, result.headers["x-content-type-options"]) == (200, "nosniff")
        assert result.headers["content-type"] == static.media_type(url)
        assert result.content == (folder / url.rpartition("/")[2]).read_bytes()


def test_pages_name_only_what_is_served() -> None:
    for name in ("dashboard.html", "login.html"):
        named = set(re.findall(r'(?:src|href)="([^"]+)"', static.load(name).decode()))
        assert named <= set(static.resources()), name
    for url in static.resources():
        imported = re.findall(
            r'^import .* from "\./([^"]+)"', static.load(url.rpartition("/")[2]).decode(), re.M
        )
        assert {f"{PATH}/{name}" for name in imported} <= set(static.resources()), url


def test_the_client_module_is_kept_a_short_while_and_then_asked_for_again(api: Api) -> None:
    url = "/api/deployment/client.mjs"
    first = api.client.simulate_get(url, params={"banner": ""})
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert first.headers["cache-control"] == "public, max-age=300"
    etag = first.headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = api.client.simulate_get(url, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert api.client.simulate_get(url, headers={"If-None-Match": '"other"'}).status_code == 200


# The log-in.


@pytest.mark.threat(49)
def test_49_without_a_log_in_there_is_a_form_and_no_data(api: Api) -> None:
    api.log_in("u1", "1.6.7", email="a@b.c")
    page = api.client.simulate_get(PATH)
    assert page.status_code == 200 and has_form(page) and "a@b.c" not in page.text
    assert 'role="alert" hidden' in page.text
    refused = api.client.simulate_get(f"{PATH}/data")
    assert refused.status_code == 401 and refused.headers["www-authenticate"].startswith("Bearer")
    assert "a@b.c" not in refused.text


def test_a_log_in(api: Api) -> None:
    result = log_in(api)
    assert (result.status_code, result.headers["location"]) == (303, PATH)
    attributes = f"HttpOnly; Max-Age={LIFE}; Path=/; SameSite=Strict; Secure"
    name, _, rest = result.headers["set-cookie"].partition("=")
    assert name == "__Host-bg_admin"
    assert re.fullmatch(rf"{NOW + LIFE}\.[0-9a-f]{{64}}; {attributes}", rest)
    page = api.client.simulate_get(PATH, headers={"Cookie": cookie_of(result)})
    assert page.status_code == 200 and not has_form(page) and "dashboard.mjs" in page.text
    assert data(api, cookie_of(result)).status_code == 200


def test_a_pasted_line_end_is_no_part_of_the_key(api: Api) -> None:
    assert log_in(api, f" {api.admin_key}\r\n").status_code == 303


@pytest.mark.threat(49)
@pytest.mark.parametrize("wrong", ["x", "\u00e9\u0000", "{}x", " "])
def test_49_a_wrong_key(api: Api, wrong: str) -> None:
    result = log_in(api, wrong.format(api.admin_key))
    assert result.status_code == 401 and has_form(result)
    assert "set-cookie" not in result.headers
    assert 'role="alert">This is not the admin key.' in result.text
    assert result.headers["content-security-policy"].startswith("default-src 'none'; ")


@pytest.mark.threat(49)
def test_49_other_keys_and_tokens_open_nothing(api: Api) -> None:
    token = api.token()
    for key in (api.service_key, token):
        assert log_in(api, key).status_code == 401
        assert api.get(f"{PATH}/data", key).status_code == 401
    assert data(api, f"__Host-bg_admin={api.admin_key}").status_code == 401
    assert api.get(f"{PATH}/data", api.admin_key).status_code == 200


def test_a_wrong_key_is_not_made_good_by_a_cookie(api: Api) -> None:
    headers = {"Cookie": cookie_of(log_in(api)), "Authorization": "Bearer x"}
    assert api.client.simulate_get(f"{PATH}/data", headers=headers).status_code == 401


def test_a_log_in_ends_after_twelve_hours(api: Api, clock: HandClock) -> None:
    cookie = cookie_of(log_in(api))
    clock.now += LIFE - 1
    assert data(api, cookie).status_code == 200
    clock.now += 1
    assert data(api, cookie).status_code == 401
    assert has_form(api.client.simulate_get(PATH, headers={"Cookie": cookie}))


@pytest.mark.threat(19)
def test_19_another_admin_key_ends_all_log_ins(api: Api, keys: Path) -> None:
    cookie = cookie_of(log_in(api))
    (keys / "admin.new").write_text("k" * 64 + "\n")
    (keys / "admin.new").chmod(0o640)
    (keys / "admin.new").replace(keys / "admin" / "admin.key")
    assert data(api, cookie).status_code == 401
    assert log_in(api).status_code == 401
    assert log_in(api, "k" * 64).status_code == 303


def test_a_later_expiry_needs_another_signature(api: Api) -> None:
    name, _, value = cookie_of(log_in(api)).partition("=")
    expires_at, _, signature = value.partition(".")
    for forged in (
        f"{NOW + LIFE + 1}.{signature}",
        f"{expires_at}.{'0' * 64}",
        f"0{value}",
        f" {value}x",
        "",
    ):
        assert data(api, f"{name}={forged}").status_code == 401


@given(st.text() | st.from_regex(r"[0-9]{1,12}\.[0-9a-f]{64}", fullmatch=True))
def test_any_other_cookie_is_no_log_in(text: str) -> None:
    login = AdminLogin(lambda: b"k" * 64, Cookie("bg_admin", True, LIFE), HandClock())
    environment = testing.create_environ(
        headers={"Cookie": f"__Host-bg_admin={text}".encode().decode("latin-1")}
    )
    assert login.holds(falcon.Request(environment)) is False


@pytest.mark.parametrize(
    "origin", ["null", "https://elsewhere.example", HOST + ":8080", "falconframework.org"]
)
@pytest.mark.parametrize("what", ["login", "logout"])
def test_what_another_sites_page_sends_is_refused(api: Api, what: str, origin: str) -> None:
    body = urlencode({"key": api.admin_key})
    for page in ({"Origin": origin}, {"Origin": HOST, "Sec-Fetch-Site": "cross-site"}):
        result = api.client.simulate_post(f"{PATH}/{what}", body=body, headers=FORM | page)
        assert result.status_code == 403 and "set-cookie" not in result.headers


@pytest.mark.parametrize("what", ["login", "logout"])
def test_what_says_nothing_of_its_page_is_no_browser_of_today(api: Api, what: str) -> None:
    body = urlencode({"key": api.admin_key})
    for page in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": HOST}):
        result = api.client.simulate_post(f"{PATH}/{what}", body=body, headers=FORM | page)
        assert result.status_code == 303


def wrong_keys(api: Api, count: int, **headers: str) -> list[int]:
    return [log_in(api, "wrong", **headers).status_code for _ in range(count)]


@pytest.mark.threat(49)
def test_49_wrong_keys_are_slowed_down(api: Api, clock: HandClock) -> None:
    assert wrong_keys(api, 6) == [401] * 5 + [429]
    refused = log_in(api)  # a right guess is not told from a wrong one
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert 'role="alert">There were too many wrong keys. Try again in 1 seconds.' in refused.text
    assert "set-cookie" not in refused.headers
    waits = []
    for _ in range(8):
        clock.now += int(log_in(api).headers["retry-after"])
        assert wrong_keys(api, 1) == [401]
        waits.append(int(log_in(api).headers["retry-after"]))
    assert waits == [2, 4, 8, 16, 30, 30, 30, 30]
    clock.now += 30
    assert log_in(api).status_code == 303
    assert wrong_keys(api, 5) == [401] * 5  # it begins anew


@pytest.mark.threat(49)
def test_49_who_guesses_locks_nobody_else_out(api: Api, clock: HandClock) -> None:
    wrong_keys(api, 9, **{"X-Real-IP": "2001:db8::1"})
    assert log_in(api, **{"X-Real-IP": "2001:db8::2"}).status_code == 429  # the same network
    assert log_in(api, **{"X-Real-IP": "2001:db8:0:1::1"}).status_code == 303
    assert log_in(api).status_code == 303
    clock.now += throttle.FORGOTTEN + 1
    assert wrong_keys(api, 6, **{"X-Real-IP": "2001:db8::1"}) == [401] * 5 + [429]


@pytest.mark.threat(49)
def test_49_a_clock_that_was_set_back_keeps_nobody_waiting(api: Api, clock: HandClock) -> None:
    wrong_keys(api, 9)
    clock.now -= 3600
    assert log_in(api).status_code == 303


@given(st.lists(st.tuples(st.integers(0, 3 * throttle.KEPT), st.integers(0, 5)), max_size=300), st.text())
def test_a_throttle_keeps_little_and_never_waits_for_long(moves: list[tuple[int, int]], odd: str) -> None:
    clock = HandClock()
    slow = throttle.Throttle(clock)
    for number in range(throttle.KEPT + 50):
        slow.wrong(f"10.0.{number // 256}.{number % 256}")
    for number, pause in moves:
        slow.wrong(f"10.1.{number // 256}.{number % 256}")
        slow.wrong(odd)
        clock.now += pause
        assert 0 <= slow.wait(odd) <= throttle.LONGEST
    assert len(slow._records) <= throttle.KEPT


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("", FORM["Content-Type"], 401),
        ("key", FORM["Content-Type"], 401),
        ("%ff=%00&key=%ff", FORM["Content-Type"], 401),
        ("&".join("abcdefghi"), FORM["Content-Type"], 400),
        ("=&" * 9, FORM["Content-Type"], 400),
        ('{"key": "x"}', "application/json", 415),
        ("key=x", "text/plain", 415),
        ("k" * (16 * 1024 + 1), FORM["Content-Type"], 413),
    ],
)
def test_forms_that_are_none(api: Api, body: str, kind: str, status: int) -> None:
    headers = {"Origin": HOST, "Content-Type": kind}
    assert api.client.simulate_post(f"{PATH}/login", body=body, headers=headers).status_code == status


def test_log_out(api: Api) -> None:
    result = api.client.simulate_post(f"{PATH}/logout", headers={"Origin": HOST})
    assert (result.status_code, result.headers["location"]) == (303, PATH)
    assert result.headers["set-cookie"].startswith('__Host-bg_admin=""; expires=Thu, 01 Jan 1970')


def test_without_tls_the_admins_cookie_has_another_name(make_api: Any) -> None:
    api = make_api(secure_cookies=False)
    cookie = log_in(api).headers["set-cookie"]
    assert cookie.startswith("bg_admin=") and "Secure" not in cookie
    assert data(api, cookie.partition(";")[0]).status_code == 200


def test_the_page_may_load_and_be_framed_by_nothing_else(api: Api) -> None:
    for cookie in ("", cookie_of(log_in(api))):
        headers = api.client.simulate_get(PATH, headers={"Cookie": cookie}).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert {policy[f"{kind}-src"] for kind in ("script", "style", "connect", "img")} == {"'self'"}
        assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "same-origin")
        assert headers["x-content-type-options"] == "nosniff"


def test_the_key_is_not_logged(serve: Any, keys: Path) -> None:
    server = serve()
    key = (keys / "admin" / "admin.key").read_text().strip()
    for sent, status in ((key, 303), (key[:-1], 401)):
        answer = requests.post(
            f"{server.url}{PATH}/login",
            data={"key": sent},
            headers={"Origin": server.url},
            allow_redirects=False,
            timeout=30,
        )
        assert answer.status_code == status
    server.stop()
    events = [json.loads(line)["event"] for line in server.lines]
    assert {"dashboard: logged in", "dashboard: log-in refused"} <= set(events)
    assert key[:-1] not in "".join(server.lines)


# The data.


def test_data(api: Api, state_file: Path) -> None:
    api.log_in("u1", "1.6.7", email="a@b.c")
    gauges = {"1.6.7": {"open": 5, "websockets": 4, "requests": 200, "errors": 3}}
    api.report(gauges=gauges)
    document = json.loads(state_file.read_text())
    document["updatedAt"] = "2027-01-15T08:00:00Z"
    document["deployment"] = {
        "id": "20270115-075000",
        "from": "1.6.7",
        "to": "1.6.8",
        "startedAt": "2027-01-15T07:50:00Z",
        "step": "drain",
    }
    state_file.write_text(json.dumps(document))
    counted = api.census().json
    shown = data(api, cookie_of(log_in(api))).json
    assert shown == {
        "at": "2027-01-15T08:00:00Z",
        "phase": "draining",
        "updatedAt": "2027-01-15T08:00:00Z",
        "deployment": document["deployment"],
        "slots": document["slots"],
        "sessions": counted,
        "unknown": None,
        "gauges": gauges,
        "history": [],
    }


@pytest.mark.threat(54)
def test_54_a_store_that_does_not_answer_hides_no_slot(
    make_api: Any, clock: HandClock, tmp_path: Path
) -> None:
    api = make_api(SqliteStore(tmp_path / "sessions.db", clock=clock))
    api.log_in("u1", "1.6.7")
    cookie = cookie_of(log_in(api))
    path = tmp_path / "sessions.db"
    path.write_bytes(b"\xa5" * path.stat().st_size)
    shown = data(api, cookie).json
    assert (shown["sessions"], shown["unknown"]) == (None, "the session store does not answer")
    assert shown["slots"]["green"] == {"version": "1.6.8", "state": "ready", "weight": 100}


@pytest.mark.threat(41)
def test_41_no_state_file_yet(make_api: Any, state_file: Path) -> None:
    state_file.unlink()
    api = make_api()
    assert data(api, cookie_of(log_in(api))).status_code == 503


@pytest.mark.parametrize("limit", ["1001", "x", "-1"])
def test_limits_of_a_page_of_users(api: Api, limit: str) -> None:
    assert data(api, cookie_of(log_in(api)), limit=limit).status_code == 400


def entry(number: int, **more: Any) -> bytes:
    line = {"at": "2027-01-15T07:50:00Z", "who": "deploy", "command": "deploy", "what": f"step {number}"}
    line |= {
        "from": "1.6.7",
        "to": None,
        "generation": 3,
        "seconds": 0.2,
        "outcome": "done",
        "why": "",
    } | more
    return json.dumps(line).encode() + b"\n"


def test_history_shows_the_newest_first_and_skips_torn_lines(api: Api, state_file: Path) -> None:
    path = state_file.with_name("history.jsonl")
    path.write_bytes(entry(1) + b'{"at": "20\n' + b"\xff\n[]\n" + entry(2, why="worker 7") + entry(3)[:40])
    shown = data(api, cookie_of(log_in(api))).json["history"]
    assert [each["what"] for each in shown] == ["step 2", "step 1"]
    assert (shown[0]["from"], shown[0]["to"], shown[0]["why"]) == ("1.6.7", None, "worker 7")


def test_of_a_long_history_only_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"".join(entry(number) for number in range(1000)))
    shown = history.recent(path, 1000)
    assert shown is not None and len(shown) == TAIL // len(entry(999))
    assert shown[0].what == "step 999"
    assert [each.what for each in history.recent(path, 2) or []] == ["step 999", "step 998"]


def test_a_history_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    assert history.recent(tmp_path / "none", 5) == []
    assert history.recent(tmp_path, 5) is None


@given(st.lists(st.binary(max_size=40) | st.just(entry(1)), max_size=8), st.integers(0, 8))
def test_any_history_can_be_read(tmp_path_factory: Any, lines: list[bytes], limit: int) -> None:
    path = tmp_path_factory.mktemp("history") / "history.jsonl"
    path.write_bytes(b"".join(lines))
    assert len(history.recent(path, limit) or []) <= limit
