"""`bgctl explain`: shows which slot a token or a request gets, and why."""

import sys
from typing import TYPE_CHECKING

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command

if TYPE_CHECKING:
    from toolkit.clients.explanation import Explanation
    from toolkit.terminal.ui import UI


@click.command(
    "explain",
    cls=Command,
    examples={
        'echo "$TOKEN" | bgctl explain': "a token",
        "bgctl explain < request.txt": "header lines, a cookie jar, or a copied curl command",
    },
)
@click.option("--url", default="", help="The address that is asked for; a cookie jar needs one.")
@click.option("--navigate", is_flag=True, help="As the load of a page, not as a script's request.")
@options.json_option
@click.pass_obj
def command(app: App, url: str, navigate: bool, as_json: bool) -> None:
    """Show which slot a token or a request gets, and why.

    Reads standard input: a token; header lines such as `Cookie: ...`; a cookie jar as curl -c writes it; or a
    curl command line as browsers copy it. On the command line everyone on this machine could read them.
    """
    from toolkit.explain import parse, request

    project = options.project(app, as_json)
    asked = parse.read(sys.stdin.read(), url)
    said = project.proxy.explain(asked.with_headers(request.PAGE_LOAD) if navigate else asked)
    if as_json:
        project.ui.emit(said)
    else:
        show(project.ui, said)


def show(ui: "UI", said: "Explanation") -> None:
    if said.neighbour:
        where = f"the proxy of {said.neighbour} ([neighbours.{said.neighbour}])"
        ui.say(f"-> {where}, which has all of {said.host}")
        return
    if said.refused:
        ui.say("-> a 421: nothing in bgctl.toml names this host, and unknown_hosts refuses such")
        return
    ui.table(("rule", "outcome", "why"), [(rule.rule, rule.outcome, rule.why) for rule in said.rules])
    place = f"{said.slot} ({said.version})" if said.slot else "blue or green, as its draw will have it"
    at = f" at {said.host}" if said.host else ""
    by = f", for {said.service}{at}" if said.service else ""
    ui.say(f"-> {place}: {said.reason}{by}")
    if said.pin:
        left = f", moved on from {said.pin.left}" if said.pin.left else ""
        ui.say(f"   and it gets a pin: {said.pin.version}{left}, for {said.pin.life} s")
