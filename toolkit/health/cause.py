"""What probably lies behind a failed health check, and the line to write against it."""

from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from toolkit.config import Config, locate
from toolkit.health.answer import Fault
from toolkit.health.check import Check

Where = tuple[str, ...]
EXAMPLE_HOST = "shop.example"
ELSEWHERE = 'health = "/…" with a path that'
LISTENS = "the app has another port in its container than is published, or listens on 127.0.0.1 there"


class Trouble(Struct, frozen=True):
    """What was seen, the likely cause and the line to write against it; the last two may be empty.

    `edits`: that line belongs in bgctl.toml.
    """

    seen: str
    why: str = ""
    write: str = ""
    edits: bool = False

    @property
    def next(self) -> str:
        """For an error's next step. A line of bgctl.toml has to reach the proxy, which checks by it too."""
        return f"{self.write}, then: bgctl up" if self.edits else self.write

    @property
    def advice(self) -> str:
        return "; ".join(each for each in (self.why, self.write) if each)

    def __str__(self) -> str:
        return f"{self.seen}: {self.advice}" if self.advice else self.seen


class Cause(Struct, frozen=True):
    """The likely cause: `line` is to be written at `key` of the service, or of `table`; or else `write`."""

    why: str
    line: str = ""
    key: str = "health"
    table: Where = ()
    write: str = ""


def of(fault: Fault, check: Check, config: Config, path: Path) -> Trouble:
    """`path` is bgctl.toml, of which the line is named."""
    found = _cause(fault, check, config)
    if found.line:
        return Trouble(fault.seen, found.why, _placed(found, check, path), edits=True)
    return Trouble(fault.seen, found.why, found.write)


def _placed(found: Cause, check: Check, path: Path) -> str:
    table = found.table or ("services", check.service)
    try:
        place = f"{path.name}:{locate(path.read_text(encoding='utf-8'), (*table, found.key))}"
    except (OSError, UnicodeDecodeError):
        place = path.name
    return f"{place} [{'.'.join(table)}]: write {found.line}"


def _cause(fault: Fault, check: Check, config: Config) -> Cause:
    if fault.kind == "redirect":
        return _of_redirect(fault, check)
    if fault.kind == "status":
        return _of_status(fault.status, check, config)
    if fault.kind == "no_answer":
        return _of_silence(fault)
    if fault.kind == "grpc":
        return _of_grpc(fault, check)
    if fault.kind == "image":
        return Cause("somebody started it otherwise, such as by compose by hand")
    if fault.kind == "engine":
        return Cause("")  # what was seen says it all
    if fault.kind == "name":
        mend = "write image: NAME:${CURRENT_VERSION} for blue and NAME:${VERSION} for green"
        return Cause("an image that is called the same for every version proves none", write=mend)
    return _of_version(fault, check)


def _of_status(status: int, check: Check, config: Config) -> Cause:
    if status in (400, 421):
        return _of_host(check, config)
    if status == 401:
        return Cause("the path wants a log-in", f"{ELSEWHERE} answers without one")
    if status == 403:
        host = f"or the app does not take the Host {check.host}: see health_host"
        return Cause(f"the path wants a log-in, {host}", f"{ELSEWHERE} answers without a log-in")
    if status in (404, 410):
        return Cause(f"the app has no {check.path}", f"{ELSEWHERE} it has")
    if status == 405:
        return Cause(f"{check.path} does not answer a GET", f"{ELSEWHERE} does")
    if status >= 500:
        return Cause("the app is in trouble, or has not started up: its log says more")
    return Cause("")


def _of_host(check: Check, config: Config) -> Cause:
    host = str(config.pin.domain) or EXAMPLE_HOST
    if check.host in (host, str(config.services[check.service].health_host)):
        return Cause(
            f"the app may not take the Host {check.host}: name one that it does", 'health_host = "…"'
        )
    return Cause(
        f"the app may not take the Host {check.host}: name one by which browsers come",
        f'health_host = "{host}"',
        "health_host",
    )


def _of_redirect(fault: Fault, check: Check) -> Cause:
    target = urlsplit(fault.location)
    if target.netloc and target.netloc.lower() != check.host.lower():
        why = f"the app wants to be asked as {target.netloc}"
        return Cause(why, f'health_host = "{target.netloc}"', "health_host")
    if target.scheme == "https" and check.scheme == "http":
        why = "the app wants HTTPS, and by bgctl.toml browsers come by HTTP"
        return Cause(why, "secure_cookies = true", "secure_cookies", ("proxy",))
    if target.scheme == "https" and target.path == check.path.partition("?")[0]:
        why = "the app is told X-Forwarded-Proto: https and does not believe it: browsers go in circles, too"
        django = 'Django: SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")'
        return Cause(why, write=f"have the app believe that header ({django})")
    path = target.path or "/…"
    return Cause("the path is another one, or wants a log-in", f'health = "{path}", or one without a log-in')


def _of_silence(fault: Fault) -> Cause:
    if fault.seen in ("connection refused", "connection broken"):
        return Cause(f"{LISTENS} (it must on 0.0.0.0)")
    if fault.seen == "timed out":
        return Cause("the app hangs, or does too much for this path: its log says more")
    return Cause("a health path should answer with little", f"{ELSEWHERE} does")


def _of_grpc(fault: Fault, check: Check) -> Cause:
    if fault.status == 12:
        return Cause("the app does not have the service grpc.health.v1.Health", 'health = "container"')
    if fault.status == 5:
        return Cause(f"the app's health knows no {check.path.partition(':')[2]}", 'health = "grpc"')
    return Cause("the app says so itself: its log says more")


def _of_version(fault: Fault, check: Check) -> Cause:
    if not fault.version:
        what = "its answer" if check.proof == "json" else f"the header {check.proof.removeprefix('header:')}"
        why = f"the app does not say its version in {what}: the image can"
        return Cause(why, 'version = "image"', "version")
    why = "the image says another version than its name: built from other code, or the build does not set it"
    return Cause(why, write="build it anew, or look whether the compose file names the image that you mean")
