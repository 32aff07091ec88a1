"""A container as `inspect` reports it, in docker's fields, which podman has as well."""

from collections.abc import Mapping

from msgspec import Struct, field

# Labels that each compose command sets, podman-compose too.
PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
ONE_OFF = "com.docker.compose.oneoff"  # "True" for what `compose run` has started
FOLDER = "com.docker.compose.project.working_dir"
ONE_SHOT = "BGCTL_VERSION"  # in the environment of a one-shot's container: the version for which it runs
RENDERED = "/etc/bgctl"  # where a proxy finds what was rendered for it: the folder proxy/ of its project
COMES_BACK = "unless-stopped"  # the restart policy of what serves people


class Checked(Struct, frozen=True):
    """The result of one run of a HEALTHCHECK."""

    output: str = field(name="Output", default="")


class Health(Struct, frozen=True):
    """What the engine's own checks say: "starting", "healthy" or "unhealthy"; "": there are none."""

    status: str = field(name="Status", default="")
    log: list[Checked] | None = field(name="Log", default=None)


class Status(Struct, frozen=True):
    """A container's State. Some versions of podman call `health` Healthcheck.

    `words` are what is to be said where it does not run, in place of words about one container; "": those.
    `partly`: it stands for those of several hosts, of which some run, and the engine brings back the rest.
    """

    status: str = field(name="Status", default="unknown")
    running: bool = field(name="Running", default=False)
    exit_code: int = field(name="ExitCode", default=0)
    started_at: str = field(name="StartedAt", default="")
    health: Health | None = field(name="Health", default=None)
    healthcheck: Health | None = field(name="Healthcheck", default=None)
    pid: int = field(name="Pid", default=0)  # of its first process, as this host counts them
    words: str = ""
    partly: bool = False


class HealthCheck(Struct, frozen=True):
    """A HEALTHCHECK, with its times in nanoseconds; 0 stands for the engine's default."""

    test: list[str] | None = field(name="Test", default=None)
    interval: int = field(name="Interval", default=0)
    timeout: int = field(name="Timeout", default=0)
    start_period: int = field(name="StartPeriod", default=0)
    retries: int = field(name="Retries", default=0)


class Settings(Struct, frozen=True):
    """A container's Config: `env` has entries such as "NAME=value"."""

    image: str = field(name="Image", default="")
    labels: dict[str, str] | None = field(name="Labels", default=None)
    env: list[str] | None = field(name="Env", default=None)
    healthcheck: HealthCheck | None = field(name="Healthcheck", default=None)


class Mount(Struct, frozen=True):
    """A mount: its path on the host, and in the container; "bind" or "volume", and the name of a volume."""

    source: str = field(name="Source", default="")
    target: str = field(name="Destination", default="")
    kind: str = field(name="Type", default="")
    name: str = field(name="Name", default="")


class RestartPolicy(Struct, frozen=True):
    name: str = field(name="Name", default="")


class HostPort(Struct, frozen=True):
    """Where a port is published; no address: at every one."""

    address: str = field(name="HostIp", default="")
    port: str = field(name="HostPort", default="")


class HostSettings(Struct, frozen=True):
    """`ports` are the published ones, by their names in the container, such as "8000/tcp"."""

    restart: RestartPolicy = field(name="RestartPolicy", default=RestartPolicy())
    ports: dict[str, list[HostPort] | None] | None = field(name="PortBindings", default=None)
    network: str = field(name="NetworkMode", default="")


class Endpoint(Struct, frozen=True):
    """A container's place in a network: the names by which it is found there."""

    aliases: list[str] | None = field(name="Aliases", default=None)


class Networking(Struct, frozen=True):
    networks: dict[str, Endpoint] | None = field(name="Networks", default=None)


class Container(Struct, frozen=True):
    """One container. `id` is the engine's own, `image_id` that of its image."""

    id: str = field(name="Id")
    state: Status = field(name="State")
    config: Settings = field(name="Config")
    mounts: list[Mount] | None = field(name="Mounts", default=None)
    host: HostSettings = field(name="HostConfig", default=HostSettings())
    created: str = field(name="Created", default="")
    image_id: str = field(name="Image", default="")
    networking: Networking = field(name="NetworkSettings", default=Networking())

    @property
    def networks(self) -> dict[str, list[str]]:
        """By the name of each network, the names by which others there find it; not those of the engine."""
        return {
            name: [each for each in endpoint.aliases or [] if each not in (self.service, self.id[:12])]
            for name, endpoint in (self.networking.networks or {}).items()
        }

    @property
    def checks(self) -> HealthCheck | None:
        """Its HEALTHCHECK, of the image or the compose file; None: it has none, or it is switched off."""
        found = self.config.healthcheck
        return found if found and found.test and found.test[0] != "NONE" else None

    @property
    def health(self) -> Health:
        return self.state.health or self.state.healthcheck or Health()

    @property
    def one_off(self) -> bool:
        """Whether `compose run` has started it, and not `compose up`."""
        return (self.config.labels or {}).get(ONE_OFF) == "True" or self.value(ONE_SHOT) is not None

    @property
    def comes_back(self) -> bool:
        """Whether the engine starts it again when it dies."""
        return self.host.restart.name in ("always", COMES_BACK)

    @property
    def service(self) -> str:
        return (self.config.labels or {}).get(SERVICE, "")

    @property
    def project(self) -> str:
        return (self.config.labels or {}).get(PROJECT, "")

    def runs(self, image: str) -> bool:
        """Whether it was started from this image; podman writes the registry before its name."""
        return not image or self.config.image == image or self.config.image.endswith(f"/{image}")

    def has_image(self, image_id: str) -> bool:
        """Whether it was started from the image with this id, in 64 digits."""
        return bool(image_id) and self.image_id.removeprefix("sha256:") == image_id

    @property
    def folder(self) -> str:
        """The folder of its compose file."""
        return (self.config.labels or {}).get(FOLDER, "")

    def value(self, name: str) -> str | None:
        """The value of a variable of its environment; None: it has none of this name."""
        found = [entry for entry in self.config.env or [] if entry.startswith(f"{name}=")]
        return found[0].partition("=")[2] if found else None

    def agrees(self, env: Mapping[str, str]) -> bool:
        """Whether the variables of `env` that it has, have the same values in it."""
        own = dict(entry.split("=", 1) for entry in self.config.env or [] if "=" in entry)
        return all(own.get(key, value) == value for key, value in env.items())
