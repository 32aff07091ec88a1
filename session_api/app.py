"""The application: puts its parts together, and says which resource answers which path."""

import atexit
import os
import sys
import time
from typing import Any

import falcon
import msgspec
from falcon.media import JSONHandler

from session_api import logs, paths, settings
from session_api.access.admin import LIFE, AdminGuard, AdminLogin
from session_api.access.cookies import Cookie, SessionCookie
from session_api.access.guards import KeyGuard, UserGuard
from session_api.access.places import Places
from session_api.access.throttle import Throttle
from session_api.clock import Clock
from session_api.counts.counts import Counts
from session_api.errors import SetupError
from session_api.http import problems, static
from session_api.http.middleware import Counting, Limits
from session_api.keys.keyring import Keyring
from session_api.observe.metrics import Metrics
from session_api.observe.overview import Overviews
from session_api.observe.readiness import Readiness
from session_api.resources.auth import AuthResource
from session_api.resources.dashboard import DashboardResource
from session_api.resources.deployment import DeploymentResource
from session_api.resources.internal import InternalResource
from session_api.resources.operations import OperationsResource
from session_api.sessions.sessions import Sessions
from session_api.settings import Settings
from session_api.state.state import State
from session_api.stores.redis.address import RedisAddress
from session_api.stores.redis.store import RedisStore
from session_api.stores.sqlite.store import SqliteStore
from session_api.stores.store import Store
from session_api.tokens.claims import Rules
from session_api.tokens.tokens import Tokens

App = falcon.App[Any, Any]


def create_app(store: Store, keyring: Keyring, state: State, clock: Clock, settings: Settings) -> App:
    """The WSGI application over these parts."""
    counts = Counts(store, state, settings.token_ttl, settings.idle_timeout, settings.leeway)
    metrics = Metrics(counts, state)
    rules = Rules(settings.issuer, settings.leeway, settings.token_ttl, settings.version_claim)
    tokens = Tokens(keyring, clock, rules)
    sessions = Sessions(store, tokens, state, settings.token_ttl)
    cookie = SessionCookie(settings.secure_cookies, settings.token_ttl, settings.cookie_stem)
    places = Places(cookie, settings.token_headers, settings.token_cookies)
    user = UserGuard(tokens, places, metrics.rejected)
    service, admin = KeyGuard(lambda: keyring.service_key), KeyGuard(lambda: keyring.admin_key)
    proxy = KeyGuard(lambda: keyring.proxy_key)

    app: App = falcon.App(middleware=[Counting(metrics), Limits()])
    json = JSONHandler(dumps=msgspec.json.encode, loads=_decode)
    app.req_options.media_handlers = falcon.media.Handlers({falcon.MEDIA_JSON: json})
    app.resp_options.media_handlers = falcon.media.Handlers({falcon.MEDIA_JSON: json})
    problems.install(app, metrics.store_failed)

    _add_sessions(app, AuthResource(sessions, service, user, cookie, metrics.issued))
    _add_counts(app, DeploymentResource(sessions, counts, admin, user), InternalResource(counts, proxy))
    admins = Cookie(f"{settings.cookie_stem}_admin", settings.secure_cookies, LIFE)
    login = AdminLogin(lambda: keyring.admin_key, admins, clock)
    overviews, guard = Overviews(counts, state, clock), AdminGuard(admin, login)
    _add_dashboard(app, DashboardResource(overviews, guard, login, Throttle(clock)), settings.cookie_stem)
    names = {"sessionCookie": cookie.name, "adminCookie": admins.name}
    _add_operations(app, OperationsResource(Readiness(store, keyring, state), metrics, tokens, names))
    return app


def _add_sessions(app: App, auth: AuthResource) -> None:
    for path, suffix in (
        (paths.LOG_IN, "token"),
        (paths.REFRESH, "refresh"),
        (paths.LOGOUT, "logout"),
        (paths.SESSION, "session"),
    ):
        app.add_route(path, auth, suffix=suffix)
        app.add_route(paths.OLD[path], auth, suffix=suffix)


def _add_counts(app: App, deployment: DeploymentResource, internal: InternalResource) -> None:
    app.add_route(paths.ACTIVE_SESSIONS, deployment, suffix="active_sessions")
    app.add_route(paths.HEARTBEAT, deployment, suffix="heartbeat")
    app.add_route(paths.VERSION, deployment, suffix="version")
    app.add_route(paths.ACTIVITY, internal, suffix="activity")
    app.add_route(paths.CLIENTS, internal, suffix="clients")


def _add_dashboard(app: App, page: DashboardResource, cookie_stem: str) -> None:
    app.add_route(paths.DASHBOARD, page)
    app.add_route(paths.DASHBOARD_DATA, page, suffix="data")
    app.add_route(paths.DASHBOARD_LOGIN, page, suffix="login")
    app.add_route(paths.DASHBOARD_LOGOUT, page, suffix="logout")
    for url, file in static.resources(cookie_stem).items():
        app.add_route(url, file)


def _add_operations(app: App, operations: OperationsResource) -> None:
    for path in (paths.KEYS, paths.OLD[paths.KEYS]):
        app.add_route(path, operations, suffix="keys")
    app.add_route(paths.HEALTH, operations, suffix="health")
    app.add_route(paths.READINESS, operations, suffix="readiness")
    app.add_route(paths.METRICS, operations, suffix="metrics")
    app.add_route(paths.OPENAPI, operations, suffix="openapi")


def get_app() -> App:
    """The application as the environment configures it; the process ends with the reason if that is unfit."""
    logs.configure()
    try:
        configured = settings.from_environment(os.environ)
        keyring = Keyring(configured.keys)
    except SetupError as error:
        sys.exit(f"session-api: {error}")
    state = State(configured.state)
    store = _open_store(configured, state, keyring)
    atexit.register(store.close)  # in each worker, too: a file that was closed is whole without its log
    return create_app(store, keyring, state, time.time, configured)


def _open_store(configured: Settings, state: State, keyring: Keyring) -> RedisStore | SqliteStore:
    if isinstance(configured.store, RedisAddress):
        window, fresh, marks = configured.idle_timeout, state.is_new, keyring.marks
        return RedisStore(configured.store, window, fresh=fresh, marks=marks)
    return SqliteStore(configured.store, configured.idle_timeout, fresh=state.is_new)


def _decode(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
