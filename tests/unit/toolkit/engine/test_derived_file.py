"""What the compose command is told in place of the user's files, and what it makes of it."""

import json

import msgspec
import pytest

from tests.unit.toolkit.support.derived import BOTH, COMPOSE, ROUND, TOML, derived_of, engine_of
from toolkit import config
from toolkit.engine import detection, process
from toolkit.errors import Refused

API = """
[services.api]
port = 9000
routes = ["/api/"]
blue = "127.0.0.1:8181"
green = "127.0.0.1:8183"
health = "/health"
"""


@pytest.mark.whole
@pytest.mark.parametrize("engine", BOTH)
def test_the_compose_command_takes_what_is_derived_and_reads_it_as_we_do(tmp_path, engine):
    found = engine_of(tmp_path, engine)
    env = found.told(ROUND)
    seen = found.compose(ROUND)
    assert set(seen.services) == {"web-blue", "web-green", "db", "proxy", "session-api"}
    assert seen.image("web-blue") == "shop-web:1.6.7"
    assert seen.services["web-green"].variable("RELEASE") == "shop 1.6.8"
    assert seen.services["web-green"].variable("LITERAL") == "a$b"
    assert seen.services["db"].variable("PASSWORD") == "pa$word"
    assert "127.0.0.1:8091" in seen.services["session-api"].published

    fed = derived_of(found).fed(env)
    again = process.run(found.commands.piped.config(), env=env, cwd=tmp_path, told=fed)
    services = msgspec.yaml.decode(again)["services"]
    dollar = "$$" if engine == "docker" else "$"  # as each prints it
    assert services["web-green"]["environment"]["LITERAL"] == f"a{dollar}b"
    assert services["db"]["environment"]["PASSWORD"] == f"pa{dollar}word"
    assert services["session-api"]["environment"]["BGCTL_SECURE_COOKIES"] == "true"


@pytest.mark.whole
@pytest.mark.parametrize("engine", BOTH)
def test_nothing_that_is_derived_lies_on_a_disk(tmp_path, engine):
    before = {path.name for path in tmp_path.rglob("*")} | {"bgctl.toml", "compose.yaml", ".env"}
    found = engine_of(tmp_path, engine)
    found.compose(ROUND)
    assert {path.name for path in tmp_path.rglob("*")} == before


@pytest.mark.whole
@pytest.mark.docker
def test_plain_compose_is_read_as_it_is(tmp_path):
    found = engine_of(tmp_path, "docker")
    assert set(found.document(None)["services"]) == {"web", "db"}
    assert set(found.document(ROUND)["services"]) == {"web-blue", "web-green", "db", "proxy", "session-api"}


@pytest.mark.whole
@pytest.mark.docker
def test_a_service_of_the_users_with_the_proxys_name_is_left_alone(tmp_path):
    compose = COMPOSE + "  proxy:\n    image: traefik\n"
    found = engine_of(tmp_path, "docker", compose)
    with pytest.raises(Refused, match=r"compose.yaml:\d+: proxy is a service of yours") as refused:
        found.compose(ROUND)
    assert refused.value.next == 'write service = "bgctl-proxy" in [proxy] of bgctl.toml'
    text = TOML.replace("ENGINE", "docker") + '[proxy]\nservice = "bgctl-proxy"\n'
    (tmp_path / "bgctl.toml").write_text(text)
    named = detection.detect(config.load(tmp_path / "bgctl.toml"), tmp_path).compose(ROUND)
    assert named.services["bgctl-proxy"].network_mode == "host"
    assert named.image("proxy") == "traefik"


@pytest.mark.whole
@pytest.mark.docker
def test_the_session_api_is_where_the_app_is(tmp_path):
    compose = (
        COMPOSE.replace("build: .", "build: .\n    networks: [inner]")
        + "networks: {inner: {internal: true}}\n"
    )
    found = engine_of(tmp_path, "docker", compose)
    document = json.loads(derived_of(found).text(found.told(ROUND)) or "")
    assert document["services"]["session-api"]["networks"] == ["default", "inner"]
    assert set(document["networks"]) == {"default", "inner"}


@pytest.mark.whole
@pytest.mark.parametrize("engine", BOTH)
def test_a_service_may_extend_one_that_becomes_a_pair(tmp_path, engine):
    alone = COMPOSE.replace(
        "    depends_on: [db]\n", ""
    )  # docker-compose 1.29 extends no service that has it
    compose = alone + "  api:\n    extends: {service: web}\n    command: api\n    environment: {ROLE: api}\n"
    found = engine_of(tmp_path, engine, compose)
    (tmp_path / "bgctl.toml").write_text(TOML.replace("ENGINE", engine) + API)
    seen = detection.detect(config.load(tmp_path / "bgctl.toml"), tmp_path).compose(ROUND)
    assert set(found.compose(ROUND).services) > {"web-blue", "web-green"}
    api = seen.services["api-green"]
    assert (api.image, api.variable("ROLE"), api.variable("RELEASE")) == (
        "shop-web:1.6.8",
        "api",
        "shop 1.6.8",
    )
    assert api.published == {"127.0.0.1:8183"}


@pytest.mark.whole
@pytest.mark.docker
def test_a_build_by_hand_gives_the_image_its_name(tmp_path):
    found = engine_of(tmp_path, "docker")
    assert found.build_by_hand(["web-green"], ROUND) == f"docker build --tag shop-web:1.6.8 {tmp_path}"
