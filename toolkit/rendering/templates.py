"""Fills in the templates of this package, which lie below nginx/."""

from functools import cache
from typing import TYPE_CHECKING

from toolkit.shipped import shipped

if TYPE_CHECKING:
    from jinja2 import Environment


def fill(name: str, **values: object) -> str:
    """The text of template `name`, a path below nginx/. Raises if `values` lack one that it names."""
    return _environment().get_template(name).render(values)


@cache
def _environment() -> "Environment":
    """One for all templates: it keeps what it has compiled, which takes longer than to fill it in."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # No escaping: all values have passed the patterns of the configuration, and no user's text is among them.
    return Environment(  # noqa: S701
        loader=FileSystemLoader(shipped("nginx")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
