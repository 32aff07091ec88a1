"""All files of proxy/ together: nothing is left out, and one set is told from another."""

from tests.unit.toolkit.support.rendered import CONFIG, EXAMPLE, ROOT
from toolkit import config
from toolkit.rendering import render


def test_every_address_and_route_is_in_the_rendered_configuration() -> None:
    conf = render.files(CONFIG, ROOT)["nginx.conf"].decode()
    for service in CONFIG.services.values():
        for address in filter(None, (service.blue, service.green, service.address)):
            assert f"server {address}" in conf
        for route in service.routes:
            assert f"location {route} {{" in conf
    assert f"listen {CONFIG.proxy.listen[0]};" in conf
    assert f"listen {CONFIG.proxy.control};" in conf
    assert "{{" not in conf
    assert "{%" not in conf


def test_the_digest_tells_configurations_apart() -> None:
    one = render.files(CONFIG, ROOT)
    other = render.files(config.parse(EXAMPLE.replace('pin_idle = "off"', 'pin_idle = "31m"')), ROOT)
    assert render.digest(one) == render.digest(render.files(CONFIG, ROOT)) != render.digest(other)
