"""The files that `bgctl init` writes: shown as a unified diff, and written all or not at all."""

import difflib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from toolkit.errors import Refused
from toolkit.files import atomic, disk


class Change(Struct, frozen=True):
    """A file as it is (`before`; None: it is not there) and as it will be.

    `secret`: nothing of what it has is shown. `mode` is for a file that is new.
    """

    path: Path
    before: bytes | None
    after: bytes
    mode: int = 0o644
    secret: bool = False

    @classmethod
    def of(cls, path: Path, after: str) -> "Change":
        """A file that is replaced, if it is there."""
        return cls(path, _read(path), after.encode())

    @classmethod
    def appended(
        cls, path: Path, lines: Sequence[str], *, mode: int = 0o644, secret: bool = False
    ) -> "Change":
        """A file with these lines at its end, which end as its own do."""
        before = _read(path) or b""
        end = "\r\n" if b"\r\n" in before else "\n"
        gap = end if before and not before.endswith((b"\n", b"\r")) else ""
        text = gap + "".join(f"{line}{end}" for line in lines)
        return cls(path, before or _read(path), before + text.encode(), mode, secret)

    @property
    def added(self) -> int:
        """How many lines it gets, where none goes."""
        return len(self.after[len(self.before or b"") :].strip().splitlines())

    def diff(self, root: Path) -> str:
        """The change as a unified diff, with the path from `root`."""
        name = os.path.relpath(self.path, root)
        old = f"a/{name}" if self.before is not None else "/dev/null"
        if self.secret:
            return "".join(f"{line}\n" for line in self._secret_diff(old, f"b/{name}"))
        before, after = (_text(each).splitlines(keepends=True) for each in (self.before or b"", self.after))
        lines = difflib.unified_diff(before, after, old, f"b/{name}")
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
        )

    def _secret_diff(self, old: str, new: str) -> Iterator[str]:
        """As `diff` gives it, of lines that were appended, without a line of context."""
        before = self.before or b""
        lines = _text(self.after[len(before) :]).strip().splitlines()
        last = len(_text(before).splitlines())
        yield from (f"--- {old}", f"+++ {new}", f"@@ -{last},0 +{last + 1},{len(lines)} @@")
        yield from (f"+{line}" for line in lines)


def write(changes: Sequence[Change]) -> None:
    """Writes all of them, the last one last. Raises Failed with every file as it was.

    Each is written beside its file first. Only renames are left then, and they are taken back if one fails.
    """
    staged: list[tuple[Change, Path]] = []
    done: list[Change] = []
    try:
        for change in changes:
            beside = change.path.with_name(f".{change.path.name}.init")
            staged.append((change, beside))
            like = change.path.stat() if change.before is not None else None
            with suppress(atomic.NotSynced):  # the rename below counts
                atomic.write(beside, change.after, like, mode=change.mode)
        for change, beside in staged:
            done.append(change)
            beside.replace(change.path)
    except BaseException as error:
        _take_back(done)
        if isinstance(error, OSError):
            raise disk.unwritten(Path(error.filename or "."), error) from None
        raise
    finally:
        for _, beside in staged:
            with suppress(OSError):
                beside.unlink(missing_ok=True)


def _take_back(changes: Iterable[Change]) -> None:
    for change in changes:
        with suppress(OSError):
            if _read(change.path) != change.after:
                continue
            if change.before is None:
                change.path.unlink()
            else:
                atomic.write(change.path, change.before, like=change.path.stat())


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(f"{path} cannot be read", str(error), f"edit {path.name}") from None


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
