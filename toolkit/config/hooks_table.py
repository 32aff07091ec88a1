"""[hooks]: the operator's own commands at the moments of a release."""

from toolkit.config.table import Table
from toolkit.values import Duration


class Hooks(Table, frozen=True):
    """Each is a command for sh, in the project's folder; "": there is none. `timeout` is that of each one.

    One whose name begins with pre stops the release when it fails, and what has been done is taken back.
    """

    pre_build: str = ""
    post_up_green: str = ""
    pre_switch: str = ""
    post_switch: str = ""
    pre_promote: str = ""
    post_promote: str = ""
    on_rollback: str = ""
    on_failure: str = ""
    timeout: Duration = Duration(5 * 60)
