"""The texts of bgctl.toml and the env file; `self` is the Project for which they are filled in."""

CONFIG = """\
[project]
name = "{self.name}"
engine = "{self.engine}"

[proxy]
listen = {self.toml_listen}
control = "127.0.0.1:{self.ports.control}"
secure_cookies = {self.toml_tls}
workers = {self.workers}
read_timeout = "{self.read_timeout}"
pin_idle = "{self.pin_idle}"
{self.toml_proxy}
{self.toml_tables}
[sessions]
address = "127.0.0.1:{self.ports.api}"
idle_timeout = "{self.idle_timeout}"

[services.frontend]
routes = ["/"]
blue = "127.0.0.1:{self.ports.blue}"
green = "127.0.0.1:{self.ports.green}"
health = "/healthz"
version = "json"
mirror = {self.mirror}
{self.toml_frontend}

[services.session-api]
address = "127.0.0.1:{self.ports.api}"
health = "/readyz"
{self.toml_api}

[health]
interval = "100ms"
timeout = "{self.health_timeout}"
check = "{self.health_check}"
check_timeout = "{self.check_timeout}"

[drain]
request_deadline = "{self.request_deadline}"
websocket_deadline = "{self.websocket_deadline}"
stop_grace = "{self.stop_grace}"
deadline = "{self.deadline}"
visitors = {self.toml_visitors}
migrate = "{self.migrate}"
migrate_idle = "{self.migrate_idle}"

[maintenance]
allow = {self.toml_allow}
"""

ENVIRONMENT = """\
# Versions: blue runs CURRENT_VERSION, green VERSION. bgctl keeps both up to date.
COMPOSE_PROJECT_NAME={self.name}
REGISTRY_URL=localhost
REGISTRY_USER={IMAGES}
BGCTL_PROXY_IMAGE=localhost/{IMAGES}/proxy:dev
BGCTL_SESSION_API_IMAGE=localhost/{IMAGES}/session-api:dev
BGCTL_REDIS_IMAGE=localhost/{IMAGES}/redis:dev
CURRENT_VERSION={self.version}
VERSION={self.version}
BLUE_PORT={self.ports.blue}
GREEN_PORT={self.ports.green}
SESSION_API_PORT={self.ports.api}
{self.env_store}"""
