"""The signs and colours of the monitor's screen: of Unicode where the terminal has it, else of ASCII."""

from dataclasses import dataclass

# These can be read on a light background and on a dark one: no yellow, no white, and no dark blue.
ACCENT = {"blue": "bright_blue", "green": "green"}
QUIET, BAD, UNKNOWN = "dim", "bold red", "magenta"


@dataclass(frozen=True)
class Glyphs:
    """The signs that lines are made of. `marks`, by slot, tell the slots from each other without colour."""

    marks: dict[str, str]
    full: str  # of a bar: what is done
    empty: str  # of a bar: what is left
    rule: str  # the line in a heading
    arrow: str  # from one version to the next
    more: str  # what stands where text was cut off
    dot: str  # between two hints


UNICODE = Glyphs({"blue": "●", "green": "◆"}, "■", "·", "─", "→", "…", "·")
ASCII = Glyphs({"blue": "o", "green": "*"}, "#", ".", "-", "->", "~", "-")


def for_encoding(encoding: str) -> Glyphs:
    """The signs that a terminal with this encoding can show; ASCII's for an encoding that Python lacks."""
    try:
        "●◆■·─→…".encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return ASCII
    return UNICODE
