"""The kinds of settings that only what faces browsers has."""

import math
import re

from toolkit.values import Text


class LogName(Text):
    """The name of a log file in proxy/log/; empty: the container's output."""

    kind, like, pattern = (
        "the name of a log file",
        "access.log",
        re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}|"),
    )


class Rate(Text):
    """So many in a second, or in a minute."""

    kind, like, pattern = 'a rate, or "off"', "20/s", re.compile(r"[1-9][0-9]{0,4}/[sm]|off")

    @property
    def nginx(self) -> str:
        """As limit_req_zone takes it; "": no limit."""
        return "" if self == "off" else self.replace("/", "r/")

    @property
    def wait(self) -> int:
        """Whole seconds until there is room for one more."""
        return math.ceil(60 / int(self[:-2])) if self.endswith("/m") else 1
