"""The dashboard's forms, as a browser sends them."""

from typing import Any
from urllib.parse import urlencode

from falcon import testing

from tests.unit.session_api.support.api import Api

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
