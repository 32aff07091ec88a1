"""bgctl explain"""

import sys

import click

from toolkit import options
from toolkit.cli import App
from toolkit.errors import Refused


@click.command("explain")
@options.json_option
@click.pass_obj
def command(app: App, as_json: bool) -> None:
    """Show which slot a token or a request gets, and why.

    Reads a token, or header lines such as `Cookie: ...` and `Authorization: Bearer ...`, from standard input:
    on the command line everyone on this machine could read them.
    """
    site = options.site(app, as_json)
    answer = site.proxy.explain(request_headers(sys.stdin.read()))
    if as_json:
        site.ui.emit(answer)
        return
    rules = answer.get("rules")
    rows = (
        [[rule.get("rule"), rule.get("outcome"), rule.get("why")] for rule in rules]
        if isinstance(rules, list)
        else []
    )
    site.ui.table(("rule", "outcome", "why"), rows)
    site.ui.say(f"-> {answer.get('slot')} ({answer.get('version')}): {answer.get('reason')}")


def request_headers(text: str) -> dict[str, str]:
    """What the proxy is asked about. Raises Refused when nothing usable was given."""
    headers: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.strip("<> \t").partition(":")  # curl -v marks what it sends
        token = name.removeprefix("Bearer ")
        if colon and name.lower() in ("cookie", "authorization"):
            headers[name.lower()] = value.strip()
        elif token and not colon and " " not in token:
            headers["authorization"] = f"Bearer {token}"
    if not headers:
        why = "a token, or lines such as 'Cookie: ...', are read from standard input"
        raise Refused("nothing to explain", why, "bgctl explain < token.txt")
    return headers
