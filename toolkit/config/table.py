"""What all tables of bgctl.toml have in common."""

from msgspec import Struct

Where = tuple[str, ...]  # the path of a setting: table, then key


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of bgctl.toml: what is written in it and is no field is an error."""
