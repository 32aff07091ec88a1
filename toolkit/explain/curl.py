"""Parses a command line for curl, as browsers copy it ("Copy as cURL"): the request that it makes."""

import re
import shlex
from collections.abc import Iterator

from msgspec.structs import replace

from toolkit.errors import Refused
from toolkit.explain.request import ACCEPTED, Request, add

# The options of curl that take a value: those that mean something here, and the others, whose values must not
# be taken for an address. Options that take no value need not be known.
DATA = {"-d", "-F", "--data", "--data-raw", "--data-ascii", "--data-binary", "--data-urlencode", "--json"}
DATA |= {"--form", "--form-string"}
HEADERS = {"-A": "user-agent", "--user-agent": "user-agent", "-e": "referer", "--referer": "referer"}
MEANT = {"-H", "--header", "-b", "--cookie", "-X", "--request", "--url", *HEADERS, *DATA}
OTHERS = {
    *("-o", "--output", "-m", "--max-time", "--connect-timeout", "-w", "--write-out", "--resolve"),
    *("--connect-to", "--cacert", "-E", "--cert", "--key", "-x", "--proxy", "-U", "--proxy-user"),
    *("-u", "--user", "-c", "--cookie-jar", "-D", "--dump-header", "--retry", "--interface", "--ciphers"),
}
VALUED = MEANT | OTHERS
LETTERS = {option[1] for option in VALUED if len(option) == 2}


def is_curl(text: str) -> bool:
    return text.split(maxsplit=1)[:1] == ["curl"]


def parse(text: str) -> Request:
    """The request that the command makes. Raises Refused if that cannot be told."""
    options = list(_options(_words(text)))
    url = next((value for option, value in options if option in ("", "--url")), "")
    if not url:
        raise Refused("this curl command has no address", ACCEPTED, "bgctl explain < curl.txt")
    headers = _headers(options)
    made = Request(_method(options)).at(url)
    return replace(made, host=headers.pop("host", made.host), headers=headers)


def _method(options: list[tuple[str, str]]) -> str:
    given = [value for option, value in options if option in ("-X", "--request")]
    used = {option for option, _ in options}
    if given:
        return given[-1].upper()
    if used & {"-I", "--head"}:
        return "HEAD"
    return "POST" if used & DATA and not used & {"-G", "--get"} else "GET"


def _headers(options: list[tuple[str, str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for option, value in options:
        if option in ("-H", "--header"):
            name, _, rest = value.partition(":")
            add(headers, name, rest.strip())
        elif option in ("-b", "--cookie"):
            if "=" not in value:
                why = "-b names a file, which is not read here"
                raise Refused("curl's cookies are elsewhere", why, f"bgctl explain --url ... < {value}")
            add(headers, "cookie", value)
        elif option in HEADERS:
            add(headers, HEADERS[option], value)
    return headers


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """(option, value) of each option; ("", word) for a word that is none."""
    rest = iter(words)
    for word in rest:
        if word.startswith("--") and len(word) > 2:
            yield word, next(rest, "") if word in VALUED else ""
        elif word.startswith("-") and len(word) > 1:
            yield from _letters(word[1:], rest)
        else:
            yield "", word


def _letters(letters: str, rest: Iterator[str]) -> Iterator[tuple[str, str]]:
    """The options of a word of one-letter options, which may be joined: -sSb is -s, -S and -b."""
    for place, letter in enumerate(letters, 1):
        if letter in LETTERS:
            yield f"-{letter}", letters[place:] or next(rest, "")
            return
        yield f"-{letter}", ""


# bash has $'...' with escapes, which shlex does not know. What is quoted otherwise is matched to be skipped.
_QUOTED = re.compile(r"""\$'((?:\\.|[^'\\])*)'|'[^']*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)


def _words(text: str) -> list[str]:
    joined = re.sub(r"\\\r?\n", " ", text)
    try:
        return shlex.split(_QUOTED.sub(_unescaped, joined))[1:]
    except ValueError as error:
        raise Refused("this curl command cannot be read", str(error), "bgctl explain < curl.txt") from None


def _unescaped(quoted: re.Match[str]) -> str:
    """A quoted word as shlex understands it."""
    if quoted[1] is None:
        return quoted[0]
    return shlex.quote(quoted[1].encode("latin-1", "backslashreplace").decode("unicode_escape"))
