"""What the proxy's control listener answers to POST /explain: where a request would go, and by which rule."""

from msgspec import Struct, field


class Rule(Struct, frozen=True, omit_defaults=True):
    """What became of one rule of routing.

    `outcome` is one of: used, outranked, retired, rejected, absent, no, not reached, held, covered.
    """

    rule: str
    outcome: str
    why: str
    version: str | None = None
    slot: str | None = None
    reason: str | None = None


class NewPin(Struct, frozen=True, omit_defaults=True):
    """The pin that the answer would set. `life` is in seconds; `left` is the version that it moves from."""

    version: str
    life: int
    left: str | None = field(name="from", default=None)


class Explanation(Struct, frozen=True):
    """Where a request would go. `slot` and `version` are None where the draw decides; `service` is None where
    the proxy itself answers. `host` is the name in bgctl.toml by which the request's host is known. What is
    for the `neighbour`, or `refused`, is not routed here."""

    slot: str | None
    version: str | None
    reason: str
    rules: list[Rule]
    service: str | None = None
    pin: NewPin | None = None
    host: str | None = None
    neighbour: str | None = None
    refused: bool = False
