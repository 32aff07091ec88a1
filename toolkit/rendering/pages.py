"""The pages that the proxy answers with by itself: the operator's, where bgctl.toml names one, else ours."""

from collections.abc import Iterator
from pathlib import Path

from toolkit.config import Config
from toolkit.errors import BgctlError, Refused, together
from toolkit.rendering import templates

PAGES = ("unavailable.html", "maintenance.html")
NOTICE = "notice.html"  # has two places, which bg.gate.error_page fills with a title and a text


def render(config: Config, root: Path) -> dict[str, bytes]:
    """PAGES: name to content. `root` is the project's folder. Raises Refused with the settings at fault."""
    if errors := list(missing(config, root)):
        raise together(errors)
    return {
        name: (root / page).read_bytes() if page else templates.fill(f"pages/{name}.j2").encode()
        for name, (_, page) in zip(PAGES, _named(config), strict=True)
    }


def notice() -> bytes:
    """The page for everything else that the proxy has to tell a browser."""
    return templates.fill(f"pages/{NOTICE}.j2", title="@title@", text="@text@").encode()


def missing(config: Config, root: Path) -> Iterator[BgctlError]:
    """An error for each page that bgctl.toml names and that cannot be read."""
    for setting, page in _named(config):
        try:
            if page:
                (root / page).read_bytes()
        except OSError as error:
            why = f"{setting} names {page}: {error.strerror}"
            yield Refused("a page is missing", why, f"make {page}, or edit bgctl.toml")


def named(config: Config) -> list[str]:
    """The operator's own pages, as bgctl.toml names them."""
    return [page for _, page in _named(config) if page]


def _named(config: Config) -> tuple[tuple[str, str], ...]:
    """In the order of PAGES: the setting, and the path that it names, or ""."""
    return (
        ("proxy.unavailable_page", config.proxy.unavailable_page),
        ("maintenance.page", config.maintenance.page),
    )
