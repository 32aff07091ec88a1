"""The description of the API (OpenAPI 3.1). Its schemas are made from the messages themselves."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from session_api import paths
from session_api.http import static
from session_api.http.query import PARAMETERS
from session_api.messages import (
    ActiveSessions,
    Activity,
    CurrentVersion,
    Epoch,
    Heartbeat,
    KnownClients,
    Problem,
    SessionInfo,
    Status,
    Token,
    TokenRequest,
)
from session_api.observe.overview import Overview

ANYONE: list[str] = []
SERVICE, ADMIN, USER = ["serviceKey"], ["adminKey"], ["bearerToken", "sessionCookie"]
PROXY = ["proxyKey"]
WATCHER = ["adminKey", "adminCookie"]
JSON = "application/json"


class Operation(NamedTuple):
    """One method of one path, and `who` may use it.

    `answer` is the message of its good answer, or a media type, or None for no content.
    """

    path: str
    method: str
    who: list[str]
    status: int
    answer: type | str | None
    summary: str
    body: type | None = None
    query: dict[str, Any] | None = None


_OPEN_SUMMARY = "Start a session for a user who has logged in, on the version in X-Deployment-Version"
OPERATIONS = [
    Operation(paths.LOG_IN, "post", SERVICE, 201, Token, _OPEN_SUMMARY, TokenRequest),
    Operation(paths.REFRESH, "post", USER, 200, Token, "A new token: same session, same version"),
    Operation(paths.LOGOUT, "post", USER, 204, None, "End the session; again is no error"),
    Operation(paths.SESSION, "get", USER, 200, SessionInfo, "The session of the token"),
    Operation(
        paths.ACTIVE_SESSIONS,
        "get",
        ADMIN,
        200,
        ActiveSessions,
        "Who is active where",
        query=PARAMETERS,
    ),
    Operation(paths.HEARTBEAT, "post", USER, 200, Heartbeat, "I am here; is there an update?"),
    Operation(paths.VERSION, "get", ANYONE, 200, CurrentVersion, "What new sessions get"),
    Operation(paths.ACTIVITY, "post", PROXY, 200, Epoch, "What a proxy saw since its last report", Activity),
    Operation(paths.CLIENTS, "get", PROXY, 200, KnownClients, "Clients for a proxy that has started anew"),
    Operation(paths.DASHBOARD, "get", ANYONE, 200, "text/html", "The dashboard, or the form to log in to it"),
    Operation(
        paths.DASHBOARD_DATA, "get", WATCHER, 200, Overview, "All that the dashboard shows", query=PARAMETERS
    ),
    Operation(paths.DASHBOARD_LOGIN, "post", ANYONE, 303, None, "Log in: a form with the admin key as `key`"),
    Operation(paths.DASHBOARD_LOGOUT, "post", ANYONE, 303, None, "Have the browser forget its log-in"),
    Operation(paths.KEYS, "get", ANYONE, 200, JSON, "The public keys (RFC 7517)"),
    Operation(paths.HEALTH, "get", ANYONE, 200, Status, "The process answers"),
    Operation(paths.READINESS, "get", ANYONE, 200, Status, "Store, keys and state are there"),
    Operation(paths.METRICS, "get", ANYONE, 200, "text/plain", "Prometheus metrics"),
    Operation(paths.OPENAPI, "get", ANYONE, 200, JSON, "This document"),
    *(
        Operation(url, "get", ANYONE, 200, static.media_type(url), "A part of what browsers load")
        for url in static.resources()
    ),
]


COOKIES = {"sessionCookie": "__Host-bg_session", "adminCookie": "__Host-bg_admin"}


def document(cookies: Mapping[str, str] = COOKIES) -> dict[str, Any]:
    """The whole document, ready to be encoded as JSON. `cookies` are the names by scheme."""
    spoken = {Problem} | {each for operation in OPERATIONS for each in (operation.answer, operation.body)}
    messages = [each for each in spoken if isinstance(each, type)]
    _, schemas = msgspec.json.schema_components(messages, ref_template="#/components/schemas/{name}")
    described: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        described.setdefault(operation.path, {})[operation.method] = _describe(operation)
        if old := paths.OLD.get(operation.path):
            moved = {**_describe(operation), "summary": f"Moved to {operation.path}", "deprecated": True}
            described.setdefault(old, {})[operation.method] = moved
    return {
        "openapi": "3.1.0",
        "info": {"title": "bgctl session API", "version": "1"},
        "paths": described,
        "components": {"schemas": _ecma(schemas), "securitySchemes": _security_schemes(cookies)},
    }


def _describe(operation: Operation) -> dict[str, Any]:
    good: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    if isinstance(operation.answer, str):
        good["content"] = {operation.answer: {}}
    elif operation.answer:
        good["content"] = _content(JSON, operation.answer)
    bad = {"description": "What went wrong", "content": _content("application/problem+json", Problem)}
    described: dict[str, Any] = {
        "summary": operation.summary,
        "responses": {str(operation.status): good, "default": bad},
        "security": [{scheme: []} for scheme in operation.who],
    }
    if operation.body:
        described["requestBody"] = {"required": True, "content": _content(JSON, operation.body)}
    if operation.query:
        schemas = msgspec.json.schema_components(operation.query.values())[0]
        described["parameters"] = [
            {"name": name, "in": "query", "schema": _ecma(schema)}
            for name, schema in zip(operation.query, schemas, strict=True)
        ]
    return described


def _ecma(schema: Any) -> Any:
    """The schema with its patterns in the dialect of JSON Schema, which knows no \\A and \\Z."""
    if isinstance(schema, dict):
        return {
            key: re.sub(r"\\A|\\Z", lambda found: "^" if found[0] == r"\A" else "$", value)
            if key == "pattern" and isinstance(value, str)
            else _ecma(value)
            for key, value in schema.items()
        }
    return [_ecma(each) for each in schema] if isinstance(schema, list | tuple) else schema


def _content(media_type: str, message: type) -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{message.__name__}"}}}


def _security_schemes(cookies: Mapping[str, str]) -> dict[str, Any]:
    return {
        "serviceKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "What keys/service/service.key holds",
        },
        "adminKey": {"type": "http", "scheme": "bearer", "description": "What keys/admin/admin.key holds"},
        "proxyKey": {"type": "http", "scheme": "bearer", "description": "What keys/proxy/proxy.key holds"},
        "bearerToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        **{scheme: {"type": "apiKey", "in": "cookie", "name": name} for scheme, name in cookies.items()},
    }
