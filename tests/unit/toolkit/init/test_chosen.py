"""Which services are slotted: chosen, asked for, or refused with what to type."""

from pathlib import Path

import pytest

from tests.unit.toolkit.support.init_worlds import WEB, Answers, around
from toolkit.config.kinds import Route
from toolkit.errors import Refused
from toolkit.init import chosen
from toolkit.init.chosen import Chosen
from toolkit.init.plan import Given
from toolkit.init.questions import Nobody

TWO = """
services:
  web: {build: ./web, ports: ['80:80']}
  api: {build: ./api, ports: ['81:81']}
"""
ROUTES = (Route("/api/"),)


def choose(root: Path, text: str, given: Given | None = None, *answers: str) -> Chosen:
    ask = Answers(*answers) if answers else Nobody()
    return chosen.choose(around(root, text), given or Given(), ask)


def test_one_is_chosen_without_a_question(tmp_path: Path) -> None:
    found = choose(tmp_path, WEB)
    assert (found.web, found.also, found.workers, found.notes) == ("web", {}, [], [])


def test_of_two_one_is_asked_for_and_the_paths_of_the_other(tmp_path: Path) -> None:
    found = choose(tmp_path, TWO, None, "web", "/api/, = /login")
    assert (found.web, found.also) == ("web", {"api": ("/api/", "= /login")})
    assert choose(tmp_path, TWO, None, "api", "").also == {}


def test_of_two_none_is_chosen_where_nobody_can_be_asked(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="web and api have published ports") as caught:
        choose(tmp_path, TWO)
    assert caught.value.next == "bgctl init --service web or: bgctl init --service api"


def test_of_two_one_is_named_and_the_other_noted(tmp_path: Path) -> None:
    found = choose(tmp_path, TWO, Given(service="api"))
    assert (found.web, found.also) == ("api", {})
    assert "bgctl init --force --service api --also web=/web/" in found.notes[0]
    found = choose(tmp_path, TWO, Given(service="web", also={"api": ROUTES}))
    assert (found.also, found.notes) == ({"api": ROUTES}, [])


def test_workers_of_each(tmp_path: Path) -> None:
    text = TWO + "  jobs: {build: ./web}\n  mails: {build: ./api}\n  cron: {build: ./cron}\n"
    assert choose(tmp_path, text, Given(service="web")).workers == ["jobs"]
    assert choose(tmp_path, text, Given(service="web", also={"api": ROUTES})).workers == ["jobs", "mails"]


def test_one_that_only_the_others_ask(tmp_path: Path) -> None:
    text = "services: {web: {build: ., ports: ['80:80']}, api: {build: ./api}, tool: {image: tool}}"
    (note,) = choose(tmp_path, text).notes
    assert "bgctl deploy does not update it" in note
    assert "bgctl init --force --also api" in note
    found = choose(tmp_path, text, Given(also={"api": ()}))
    assert (found.also, found.inside, found.workers, found.notes) == ({}, ["api"], [], [])


def test_a_worker_that_cannot_be_called_so_is_left_alone(tmp_path: Path) -> None:
    found = choose(tmp_path, "services: {web: {build: ., ports: ['80:80']}, Celery.beat: {build: .}}")
    assert found.workers == []
    assert "Celery.beat" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "given", "said", "mend"),
    [
        ("services: {web: {build: .}}", Given(), "no app in compose.yaml has a", "bgctl init --service web"),
        ("services: {db: {image: postgres}}", Given(), "no app in compose.yaml has a", "add the app to it"),
        (
            "services: {front: {image: nginx, ports: ['80:80']}, app: {build: .}}",
            Given(),
            "front is a proxy, and bgctl has one",
            "bgctl init --service app --listen IP:PORT",
        ),
        (
            "services:\n  web:\n    build: .\n    ports: ['80:80']\n    profiles: [prod]\n",
            Given(),
            "web has a profile that is not in use",
            "write COMPOSE_PROFILES=... into .env, or take web out",
        ),
        (
            "services:\n  web:\n    build: .\n    profiles: [prod]\n",
            Given(service="web"),
            "compose.yaml:4: web has a profile that is not in use",
            "write COMPOSE_PROFILES=...",
        ),
        (
            WEB,
            Given(service="wbe"),
            "there is no service wbe in compose.yaml: --service names it",
            "bgctl init",
        ),
        (WEB, Given(also={"api": ROUTES}), "there is no service api in compose.yaml: --also", "bgctl init"),
        (WEB, Given(also={"web": ROUTES}), "web has / already", "bgctl init --service web"),
        (
            "services:\n  myWeb: {build: ., ports: ['80:80']}\n",
            Given(),
            "compose.yaml:2: myWeb",
            "give it another name there",
        ),
        (
            "services:\n  web:\n    build: .\n    network_mode: host\n",
            Given(service="web"),
            "compose.yaml:4: web has network_mode: host",
            "remove it there",
        ),
        (
            "services:\n  web:\n    build: .\n    network_mode: service:vpn\n  vpn: {image: vpn}\n",
            Given(service="web"),
            "compose.yaml:4: web has network_mode: service:vpn",
            "remove it there",
        ),
        (
            "services: {web-blue: {image: a}, web-green: {image: a}}",
            Given(),
            "has the pair web-blue and web-green already",
            "bgctl init --example",
        ),
    ],
)
def test_what_is_refused_says_where_and_what_to_type(
    tmp_path: Path, text: str, given: Given, said: str, mend: str
) -> None:
    with pytest.raises(Refused) as caught:
        choose(tmp_path, text, given)
    assert said in str(caught.value)
    assert mend in caught.value.next
