"""What a compose command line would do, as an operator has typed it, and to which services."""

from collections.abc import Sequence

from msgspec import Struct

# Subcommands that change nothing, those that run something beside the services, and those that change them.
READING = (
    *("config", "convert", "events", "exec", "help", "images", "logs", "ls", "port", "ps", "stats", "top"),
    *("attach", "cp", "systemd", "version", "volumes", "wait"),
)
BESIDE = ("run",)
CHANGING = (
    *("build", "create", "down", "kill", "pause", "pull", "push", "restart", "rm", "scale", "start", "stop"),
    *("unpause", "up", "watch"),
)
IMAGES = ("build", "pull", "push")  # change no container
OURS = (
    *("-f", "--file", "-p", "--project-name", "--env-file", "--project-directory", "--profile"),
    *("-H", "--host", "-c", "--context"),
)
# Options of subcommands that take a value as their next word.
_VALUED = {
    "run": (
        *("-e", "--env", "--entrypoint", "--name", "-u", "--user", "-p", "--publish", "-v", "--volume"),
        *("-w", "--workdir", "-l", "--label", "--env-file"),
    ),
    "up": ("-t", "--timeout", "--scale", "--exit-code-from", "--wait-timeout", "--attach", "--no-attach"),
    "build": ("--build-arg", "-m", "--memory", "--progress", "--ssh"),
    "stop": ("-t", "--timeout"),
    "restart": ("-t", "--timeout"),
    "down": ("-t", "--timeout", "--rmi"),
    "kill": ("-s", "--signal"),
    "create": ("--scale", "--pull"),
}


class Words(Struct, frozen=True):
    """`global_` are options before the subcommand, `options` and `services` those after it.

    `services` is empty where all are meant.
    """

    subcommand: str
    global_: tuple[str, ...]
    options: tuple[str, ...]
    services: tuple[str, ...]

    @property
    def reads(self) -> bool:
        return self.subcommand in READING or "--help" in (*self.global_, *self.options)

    @property
    def is_short(self) -> bool:
        """Whether it comes to its end by itself, and soon."""
        if self.subcommand in (*BESIDE, *IMAGES, "watch"):
            return False
        return self.subcommand != "up" or self.has("-d", "--detach", "--wait")

    @property
    def is_known(self) -> bool:
        return self.subcommand in (*READING, *BESIDE, *CHANGING)

    def has(self, *options: str) -> bool:
        """Whether one of these options is there, with its value behind an = or without."""
        return any(each.partition("=")[0] in options for each in self.options)

    @property
    def ours(self) -> str:
        """The first option that names another project or file than bgctl would; "": there is none."""
        return next((each for each in self.global_ if each.partition("=")[0] in OURS), "")

    @property
    def what(self) -> str:
        """For the history: the subcommand and its services. The rest may have secrets in it."""
        return " ".join(["compose", self.subcommand, *self.services])


def read(argv: Sequence[str]) -> Words:
    at = next((at for at, word in enumerate(argv) if not word.startswith("-")), len(argv))
    # A value that stands behind a global option of its own, such as in "--ansi never ps", is no subcommand.
    known = (*READING, *BESIDE, *CHANGING)
    at = next((place for place, word in enumerate(argv) if word in known), at)
    subcommand = argv[at] if at < len(argv) else ""
    options, rest = _split(argv[at + 1 :], _VALUED.get(subcommand, ()))
    services = rest[:1] if subcommand in ("run", "exec") else rest
    if subcommand == "scale":
        services = [each.partition("=")[0] for each in services]
    return Words(subcommand, tuple(argv[:at]), tuple(options), tuple(services))


def _split(words: Sequence[str], valued: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options, without the values that stand behind them, and the other words."""
    options: list[str] = []
    rest: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-") and not rest:
            options.append(word)
            skip = word in valued
        elif word.startswith("-"):
            options.append(word)
        else:
            rest.append(word)
    return options, rest
