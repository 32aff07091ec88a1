"""Where the session API's own paths are, and where they were before.

The proxy routes /api/deployment/ here and nothing else, unless bgctl.toml says so (decision record 57):
/api/auth/ may be the app's. What browsers ask for is below it. LOG_IN is not: who asks for tokens has the
service key, and asks at this port.
"""

LOG_IN = "/token"
REFRESH = "/api/deployment/refresh"
LOGOUT = "/api/deployment/logout"
SESSION = "/api/deployment/session"
KEYS = "/api/deployment/jwks.json"

# Apps know these still, and so do configurations that route /api/auth/ and the well-known path.
OLD = {
    LOG_IN: "/api/auth/token",
    REFRESH: "/api/auth/refresh",
    LOGOUT: "/api/auth/logout",
    SESSION: "/api/auth/session",
    KEYS: "/.well-known/jwks.json",
}
