"""Fills in the templates of this package, which lie below nginx/."""

from toolkit.shipped import shipped


def fill(name: str, **values: object) -> str:
    """The text of template `name`, a path below nginx/. Raises if `values` lack one that it names."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # No escaping: all values have passed the patterns of the configuration, and no user's text is among them.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(shipped("nginx")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name).render(values)
