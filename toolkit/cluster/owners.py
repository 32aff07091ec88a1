"""To which project something in Redis belongs: one of the same name, with other keys, is another one."""

from collections.abc import Callable, Collection
from typing import Literal

from session_api.errors import SetupError
from toolkit.cluster.connection import Connection
from toolkit.errors import Refused

Marks = Callable[[], Collection[str] | None]
APART = "where this is another project, give it a database of its own: BGCTL_STORE=redis://HOST:PORT/1"


class Owners:
    """`what` belongs to those whose marks are in `key`.

    `marks` are ours (session_api/keys/marks.py): none where all keys are secrets, None without any key.
    """

    def __init__(self, connection: Connection, key: str, what: str, marks: Marks) -> None:
        self._connection, self._key, self._what, self._marks = connection, key, what, marks
        self._are_we = False  # as found before

    def check(self) -> None:
        """Raises Refused where it is another project's."""
        if not self._are_we:
            self._are_we = self._ask("ours")

    def join(self) -> None:
        """As `check`; and what was nobody's is ours from now on, and has our newest keys."""
        self._are_we = self._ask("own")

    def _ask(self, script: Literal["ours", "own"]) -> bool:
        """Returns whether it is known to be ours: without a mark it is not, and is asked again."""
        try:
            marks = self._marks()
        except SetupError as error:
            raise Refused(error.what, next=error.next_step) from None
        if marks is not None and not marks:
            return True
        if not self._connection.run(script, (self._key,), *sorted(marks or ())):
            raise self._refused() if marks else self._keyless()
        return bool(marks)

    def _refused(self) -> Refused:
        what = f"{self._what} another project's"
        why = "none of its signing keys is ours"
        mend = f"{APART}; or, where all keys were made anew: redis-cli DEL '{self._key}'"
        return Refused(what, why, mend)

    def _keyless(self) -> Refused:
        what = f"{self._what} of a project that has keys"
        why = "this folder has none, and new ones would be another project's"
        return Refused(what, why, f"copy its folder keys/ to here; or, {APART}")
