"""The OpenAPI document says which routes, parameters and bodies the API takes: no more, and no less."""

import json
import re
from typing import Any

import falcon.inspect
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from session_api.http import openapi
from tests.unit.session_api.support.api import Api


def test_openapi_lists_every_route(api: Api) -> None:
    served = {
        (route.path, method.method.lower())
        for route in falcon.inspect.inspect_routes(api.client.app)
        for method in route.methods
        if not method.internal
    }
    described = api.get("/openapi.json").json
    assert described["openapi"] == "3.1.0"
    assert {(path, method) for path, methods in described["paths"].items() for method in methods} == served


def test_openapi_refers_to_schemas_that_exist() -> None:
    text = msgspec.json.encode(openapi.document()).decode()
    named = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert named == set(openapi.document()["components"]["schemas"])
    assert openapi.document()["components"]["schemas"]["TokenRequest"]["additionalProperties"] is False


DOCUMENT = openapi.document()
COUNTS = DOCUMENT["paths"]["/api/deployment/active-sessions"]["get"]
PARAMETERS = {each["name"]: each["schema"] for each in COUNTS["parameters"]}
BODY = DOCUMENT["components"]["schemas"]["TokenRequest"]
SEEN = [HealthCheck.function_scoped_fixture]


def allows(schema: dict[str, Any], value: Any) -> bool:
    """As much of JSON Schema as the document uses for one value."""
    if "anyOf" in schema:
        return any(allows(each, value) for each in schema["anyOf"])
    if schema["type"] == "integer":
        is_number = isinstance(value, str) and re.fullmatch(r"-?(0|[1-9][0-9]*)", value)
        return bool(is_number) and schema["minimum"] <= int(value) <= schema["maximum"]
    if schema["type"] == "null":
        return value is None
    if not isinstance(value, str):
        return False
    most = schema.get("maxLength", len(value))
    pattern = schema.get("pattern", "")
    assert r"\A" not in pattern and r"\Z" not in pattern, "ECMA-262 knows no such thing"
    whole = pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern
    return schema.get("minLength", 0) <= len(value) <= most and bool(re.search(whole, value))


texts = st.text(max_size=140) | st.sampled_from(
    [
        "",
        "1.6.7",
        "1.6.7\n",
        "-1",
        "0",
        "00",
        "1_0",
        " 1",
        "+1",
        "1000",
        "1001",
        "34560000",
        "34560001",
        "\u0661",
    ]
)


@settings(max_examples=400, suppress_health_check=SEEN, deadline=None)
@given(st.sampled_from(["limit", "idle", "version"]), texts)
def test_a_parameter_is_taken_where_the_document_allows_it(api: Api, name: str, text: str) -> None:
    assert (api.ask(**{name: text}).status_code == 200) == allows(PARAMETERS[name], text)


@pytest.mark.parametrize("text", ["", "!", "e30", "\u0661"])
def test_a_page_is_opaque_and_its_letters_are_documented(api: Api, text: str) -> None:
    assert api.ask(page=text).status_code == (400 if text else 200)
    assert allows(PARAMETERS["page"], text) == (text in ("", "e30"))


names = st.text(st.characters(), max_size=260) | st.sampled_from(
    [
        "\ud800",
        "a\udfff",
        "\U0001f600",
        "a\u202eb",
        "\u00a0",
        "\ue000",
        "a\n",
        "ж" * 128,
        "ж" * 129,
        "x" * 254,
    ]
)


@settings(max_examples=400, suppress_health_check=SEEN, deadline=None)
@given(st.sampled_from(["userId", "email"]), names | st.none() | st.integers())
def test_a_log_in_is_taken_where_the_document_allows_it(api: Api, name: str, value: Any) -> None:
    headers = {"Authorization": f"Bearer {api.service_key}", "Content-Type": "application/json"}
    body = json.dumps({"userId": "u1", name: value})
    status = api.client.simulate_post("/token", body=body, headers=headers).status_code
    assert (status == 201) == allows(BODY["properties"][name], value), body
    assert status in (201, 400)


def test_both_lists_of_sessions_have_their_parameters() -> None:
    data = DOCUMENT["paths"]["/api/deployment/dashboard/data"]["get"]
    assert data["parameters"] == COUNTS["parameters"]
