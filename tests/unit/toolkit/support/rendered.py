"""The example configuration, and nginx.conf as it is rendered from it with some lines changed."""

from pathlib import Path

from toolkit import config
from toolkit.rendering import nginx_conf

ROOT = Path(__file__).parents[4]
EXAMPLE = (ROOT / "bgctl.example.toml").read_text()
CONFIG = config.parse(EXAMPLE)
WITH_TLS = EXAMPLE.replace('certificate = ""', 'certificate = "a.pem"').replace('key = ""', 'key = "b.pem"')


def rendered(text: str, *changes: tuple[str, str]) -> str:
    """nginx.conf for the text of a bgctl.toml, with each `right` in it replaced by `wrong`."""
    for right, wrong in changes:
        assert right in text
        text = text.replace(right, wrong)
    return nginx_conf.render(config.parse(text), pem="tls/1.pem")
