"""Log-ins to the dashboard with the admin key."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import falcon
import pytest
from falcon import testing
from hypothesis import given
from hypothesis import strategies as st

from session_api.access.admin import LIFE, AdminLogin
from session_api.access.cookies import Cookie
from tests.unit.session_api.support.api import Api
from tests.unit.session_api.support.dashboard import FORM, HOST, PATH, cookie_of, data, has_form, log_in
from tests.unit.session_api.support.data import NOW, HandClock


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


def test_log_out(api: Api) -> None:
    result = api.client.simulate_post(f"{PATH}/logout", headers={"Origin": HOST})
    assert (result.status_code, result.headers["location"]) == (303, PATH)
    assert result.headers["set-cookie"].startswith('__Host-bg_admin=""; expires=Thu, 01 Jan 1970')


def test_without_tls_the_admins_cookie_has_another_name(make_api: Any) -> None:
    api = make_api(secure_cookies=False)
    cookie = log_in(api).headers["set-cookie"]
    assert cookie.startswith("bg_admin=") and "Secure" not in cookie
    assert data(api, cookie.partition(";")[0]).status_code == 200
