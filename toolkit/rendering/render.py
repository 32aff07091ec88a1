"""All that bgctl.toml says about what belongs in proxy/, as files."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from toolkit.config import Config
from toolkit.rendering import nginx_conf, pages, settings_json

NAMES = ("nginx.conf", "settings.json", pages.NOTICE, *pages.PAGES)


def files(config: Config, root: Path, pem: str = "", pems: Mapping[str, str] = {}) -> dict[str, bytes]:
    """Name to content. Raises Refused if a page that bgctl.toml names cannot be read.

    `root` is the project's folder. `pem` and `pems` are the files below proxy/ with certificates and keys, as
    nginx_conf.render takes them.
    """
    return {
        "nginx.conf": nginx_conf.render(config, pem, pems).encode(),
        "settings.json": settings_json.render(config),
        pages.NOTICE: pages.notice(),
        **pages.render(config, root),
    }


def digest(files: dict[str, bytes]) -> str:
    """Tells one set of files from another."""
    return hashlib.sha256(b"\0".join(files[name] for name in sorted(files))).hexdigest()
