"""What an engine's error output means for an operator: which command to run next.

The output itself is always passed on. The patterns are those of docker, podman and their registries.
"""

import re

from toolkit.errors import Failed

_FULL = r"no space left on device|ENOSPC|disk quota exceeded|not enough (?:disk )?space"
_ABSENT = (
    r"manifest unknown|manifest for .* not found|name unknown|no such image|(?:repository|image).* not found"
)
_DENIED = (
    r"unauthorized|authentication required|no basic auth credentials|incorrect username or password|denied"
    r"|403 forbidden|docker login"
)
_SILENT = (
    r"no such host|connection refused|i/o timeout|network is unreachable|no route to host|name resolution"
    r"|tls handshake timeout|client\.timeout|server misbehaving|deadline exceeded|connection reset"
    r"|unexpected eof"
)
_LIMITED = r"toomanyrequests|too many requests|rate limit"
_UNTRUSTED = r"x509|certificate|gave http response to https client"


def registry_of(image: str) -> str:
    """The host in front of an image's name; empty where there is none, or the engine's own `localhost/`."""
    host, slash, _ = image.partition("/")
    return host if slash and re.search(r"[.:]", host) else ""


def is_full(said: str) -> bool:
    """Whether an error output speaks of a full disk."""
    return bool(re.search(_FULL, said, re.IGNORECASE))


def pruning(engine: str) -> str:
    """The commands that find and free the space that images take."""
    return f"{engine} system df, then: {engine} image prune"


def of_registry(said: str, engine: str, command: str, image: str) -> str:
    """What to run next after `command` (pull or push) of an image has failed with this output."""
    again = f"{engine} {command} {image}"
    host = registry_of(image)
    where = host or "the engine's default registry"
    answers = (
        (_FULL, pruning(engine)),
        (_LIMITED, f"{engine} login {host}".rstrip() + f", or wait, then: {again}"),
        (_DENIED, f"{engine} login {host}".rstrip() + f", then: {again}"),
        (_ABSENT, f"see whether that name and tag have been pushed, then: {again}"),
        (_UNTRUSTED, f"see how {engine} is to trust {where}, then: {again}"),
        (_SILENT, f"see whether {where} answers, then: {again}"),
    )
    return next((next for known, next in answers if re.search(known, said, re.IGNORECASE)), again)


def of_transfer(error: Failed, engine: str, command: str, image: str) -> Failed:
    """A failed pull or push, with a command to run next; a full disk is named as such."""
    what = f"{image} could not be {command}ed"
    # podman warns of each try before the last one.
    said = [line for line in error.why.splitlines() if "level=warning" not in line]
    why = "; ".join(said) or error.what
    next = error.next or of_registry(why, engine, command, image)
    return Failed(what, f"the disk is full: {why}" if is_full(why) else why, next, error.detail)


def of_build(error: Failed, detail: str, engine: str, services: str, again: str) -> Failed:
    """A failed build. `detail` is its last lines, and `again` the command that shows all of it."""
    full = is_full(f"{error.why}\n{detail}")
    last = error.why.splitlines()[-1] if error.why else error.what
    next = f"{pruning(engine)}; then: {again}" if full else f"mend it, then: {again}"
    return Failed(
        f"{services} could not be built", f"the disk is full: {last}" if full else last, next, detail
    )


def of_networks(error: Failed, engine: str, project: str) -> Failed:
    """Networks that could not be removed. Compose finds them by name, and a swarm may have the same names."""
    if "is ambiguous" not in error.why:
        return error
    ours = f"{engine} network ls --quiet --filter label=com.docker.compose.project={project}"
    why = f"a swarm has networks of the same names: {error.why}"
    return Failed("the networks are still there", why, f"{engine} network rm $({ours})")
