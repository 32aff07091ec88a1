"""[notify]: who is told of each moment of a release."""

from toolkit.config.kinds import Link
from toolkit.config.table import Table


class Notify(Table, frozen=True):
    """`url` gets a signed POST at each moment; "": nobody is told."""

    url: Link = Link("")
