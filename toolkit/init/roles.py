"""Which services of a compose project are what: the one that people use, workers, one-shots, stores.

A guess. `bgctl init --service` and the lines of bgctl.toml say otherwise.
"""

import re
from collections.abc import Collection, Mapping

from msgspec import Struct

from toolkit.engine.compose import COMPLETED, Compose, ComposeService
from toolkit.values import SLOTS

# Images by the last part of their name, without the tag.
STORES = re.compile(
    r"postgres|postgresql|postgis|pgvector|timescaledb|mysql|mariadb|percona|mongo|mongodb|redis|valkey|keydb"
    r"|dragonfly|memcached|rabbitmq|kafka|zookeeper|nats|elasticsearch|opensearch|meilisearch|typesense|solr"
    r"|influxdb|clickhouse|clickhouse-server|cassandra|cockroach|minio|etcd|couchdb|neo4j"
)
TOOLS = re.compile(
    r"adminer|pgadmin4|phpmyadmin|mongo-express|redisinsight|mailhog|mailpit|maildev|mailcatcher|grafana"
    r"|prometheus|jaeger|all-in-one|portainer|portainer-ce|dozzle|flower|kibana|selenium|registry"
)
PROXIES = re.compile(
    r"nginx|nginx-unprivileged|nginx-proxy|caddy|traefik|haproxy|envoy|httpd|openresty|varnish|kong"
)
# Ports at which databases, caches and queues are asked.
STORE_PORTS = frozenset(
    {5432, 3306, 6379, 27017, 5672, 9200, 11211, 1521, 1433, 9092, 2181, 4222, 7700, 8086}
)
_ONE_SHOT = re.compile(
    r"\b(migrate|migrations?|db:(prepare|migrate|setup)|collectstatic|seed|createsuperuser)\b"
)


class Roles(Struct, frozen=True):
    """The services of a project by what they seem to be, each list in the order of the compose file.

    `candidates` are those that people may use: each has a published port. `apps` are all that could be.
    """

    candidates: list[str]
    apps: list[str]
    proxies: list[str]
    one_shots: list[str]


def of(found: Compose, active: Collection[str]) -> Roles:
    """`active`: the profiles in use."""
    shown = {name: each for name, each in found.services.items() if in_use(each, active)}
    once = one_shots(found)
    proxies = [name for name, each in shown.items() if not each.build and PROXIES.fullmatch(base(each))]
    apps = [
        name
        for name, each in shown.items()
        if name not in (*once, *proxies) and not _serves_others(name, each, found)
    ]
    published = [name for name in apps if shown[name].bindings]
    # What is built here is somebody's own app; what only has an image beside it is mostly a tool.
    built = [name for name in published if shown[name].build]
    return Roles(built or published, apps, proxies, once)


def in_use(service: ComposeService, active: Collection[str]) -> bool:
    """Whether plain compose would start it: it has no profile, or one that is in use."""
    return not service.profiles or "*" in active or not set(active).isdisjoint(service.profiles)


def one_shots(found: Compose) -> list[str]:
    """The services that end by themselves: others wait for that, or their command says so."""
    awaited = {
        name
        for each in found.services.values()
        for name, condition in each.needs.items()
        if condition == COMPLETED
    }
    return [name for name, each in found.services.items() if name in awaited or _ends(each)]


def _ends(service: ComposeService) -> bool:
    command = service.command
    text = " ".join(map(str, command)) if isinstance(command, list) else str(command or "")
    if service.bindings or service.restart in ("always", "unless-stopped"):
        return False
    last = re.split(r"&&|;", text)[-1]  # "migrate && serve" goes on
    return service.restart in ("no", False) or bool(_ONE_SHOT.search(last))


def workers(found: Compose, web: str, roles: Roles) -> list[str]:
    """The services that run the same code as `web`, and that nobody asks anything."""
    code = same_code(found.services[web])
    others = [name for name in roles.apps if name != web and not found.services[name].bindings]
    return [name for name in others if not code.isdisjoint(same_code(found.services[name]))]


def same_code(service: ComposeService) -> set[str]:
    """What two services have in common that run one image: its name, or how it is built."""
    found = {f"image {service.image}"} if service.image else set()
    build = service.build
    if isinstance(build, Mapping):
        parts = (str(build.get(key) or "") for key in ("context", "dockerfile", "target"))
        return found | {f"build {' '.join(parts)}"}
    return found | ({f"build {build}  "} if build else set())


def base(service: ComposeService) -> str:
    """The last part of an image's name, without tag and digest: "postgres"."""
    return service.image.partition("@")[0].rpartition("/")[2].partition(":")[0].lower()


def _serves_others(name: str, service: ComposeService, found: Compose) -> bool:
    """Whether it is a database, a queue, or a tool beside the app."""
    if service.build:
        return False
    needed = any(name in each.needs for each in found.services.values())
    targets = {each.target for each in service.bindings} | set(service.exposed)
    known = any(kind.fullmatch(base(service)) for kind in (STORES, TOOLS))
    return known or (needed and not STORE_PORTS.isdisjoint(targets))


def pairs(found: Compose) -> list[str]:
    """The names that the compose file has as a pair already: NAME-blue and NAME-green."""
    blue, green = SLOTS
    stems = [name.removesuffix(f"-{blue}") for name in found.services if name.endswith(f"-{blue}")]
    return [name for name in stems if f"{name}-{green}" in found.services]
