"""One health check on its way: a connection of its own, no redirects, nothing from the environment."""

from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead

from toolkit.health_answer import MOST, Answer, Fault, followed
from toolkit.health_check import Check


def ask(check: Check) -> Answer | Fault:
    """The answer, or why there is none; asked anew where only a slash at the end of the path was missing."""
    answer = _ask(check, check.path)
    path = followed(answer, check.path, check.host)
    return _ask(check, path) if path else answer


def _ask(check: Check, path: str) -> Answer | Fault:
    try:
        with closing(HTTPConnection(check.address.host, check.address.port, timeout=check.within)) as line:
            line.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
            for name, value in check.headers.items():
                line.putheader(name, value)
            line.endheaders()
            return _read(line.getresponse(), check.proof)
    except ConnectionRefusedError:
        return Fault("no_answer", "connection refused")
    except TimeoutError:
        return Fault("no_answer", "timed out")
    except (OSError, HTTPException, ValueError):
        return Fault("no_answer", "connection broken")


def _read(response: HTTPResponse, proof: str) -> Answer | Fault:
    """The body only where a version is looked for in it: the page at / may be a large one."""
    body = b""
    if proof == "json" and 200 <= response.status < 300:
        body = response.read(MOST + 1)
        if len(body) > MOST:
            return Fault("no_answer", f"answered more than {MOST} bytes")
        if response.length:
            raise IncompleteRead(body, response.length)
    return Answer(response.status, _field(response, "Location"), _told(response, proof), body)


def _told(response: HTTPResponse, proof: str) -> str | None:
    return _field(response, proof.removeprefix("header:")) if proof.startswith("header:") else None


def _field(response: HTTPResponse, name: str) -> str | None:
    """The first of this name."""
    found: str | None = response.headers.get(name)
    return None if found is None else found.strip(" \t")
