"""Every path of the session API, and the paths that some of them had before.

The proxy routes /api/deployment/ here and nothing else, unless bgctl.toml says so (decision record 57): the
app may have an /api/auth/ of its own. So what browsers ask for is below /api/deployment/. LOG_IN is not: the
app's backend, which has the service key, asks for tokens at this port.
"""

LOG_IN = "/token"
REFRESH = "/api/deployment/refresh"
LOGOUT = "/api/deployment/logout"
SESSION = "/api/deployment/session"
KEYS = "/api/deployment/jwks.json"

ACTIVE_SESSIONS = "/api/deployment/active-sessions"
HEARTBEAT = "/api/deployment/heartbeat"
VERSION = "/api/deployment/version"
CLIENT = "/api/deployment/client.mjs"

DASHBOARD = "/api/deployment/dashboard"
DASHBOARD_DATA = f"{DASHBOARD}/data"
DASHBOARD_LOGIN = f"{DASHBOARD}/login"
DASHBOARD_LOGOUT = f"{DASHBOARD}/logout"

ACTIVITY = "/_bgctl/activity"  # for proxies, as the next: no app has such a path
CLIENTS = "/_bgctl/clients"
HEALTH = "/healthz"
READINESS = "/readyz"
METRICS = "/metrics"
OPENAPI = "/openapi.json"

# Apps use these still, and so do configurations that route /api/auth/ and the well-known path here.
OLD = {
    LOG_IN: "/api/auth/token",
    REFRESH: "/api/auth/refresh",
    LOGOUT: "/api/auth/logout",
    SESSION: "/api/auth/session",
    KEYS: "/.well-known/jwks.json",
}
