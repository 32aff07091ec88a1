"""All that bgctl.toml says about what belongs in proxy/, as files."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolkit.config import Config
from toolkit.engine.host import Host
from toolkit.rendering import include_file, nginx_conf, pages, settings_json
from toolkit.rendering.settings_json import NO_EXPIRIES

NAMES = ("nginx.conf", "settings.json", pages.NOTICE, *pages.PAGES)


def files(
    config: Config,
    root: Path,
    pem: str = "",
    pems: Mapping[str, str] = {},
    expiries: Mapping[str, int] = NO_EXPIRIES,
    hosts: Sequence[Host] = (),
) -> dict[str, bytes]:
    """Name to content. Raises Refused if what bgctl.toml names cannot be read or is not understood.

    `root` is the project's folder. `pem` and `pems` are the files below proxy/ with certificates and keys, as
    nginx_conf.render takes them. `expiries` and `hosts`: see settings_json.render.
    """
    own = include_file.load(config, root)
    return {
        **own.files,
        "nginx.conf": nginx_conf.render(config, pem, pems, own.include, hosts=hosts).encode(),
        "settings.json": settings_json.render(config, expiries, hosts),
        pages.NOTICE: pages.notice(),
        **pages.render(config, root),
    }


def digest(files: dict[str, bytes]) -> str:
    """Tells one set of files from another."""
    return hashlib.sha256(b"\0".join(files[name] for name in sorted(files))).hexdigest()
