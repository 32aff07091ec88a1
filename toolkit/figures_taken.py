"""Notes what users see of a release: what proxy and session API have counted, in a file of its own."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace

from toolkit.clients.look import Look
from toolkit.clients.sample import Sample
from toolkit.clock import Clock
from toolkit.config import Config
from toolkit.files import samples_file
from toolkit.state.document import Deployment
from toolkit.values import moment, stamp

LEAST = 2.0  # seconds between two looks while something is waited for
SHARE = 100  # and this part of the time since the release began: a drain of days makes no endless file


@dataclass(frozen=True)
class Figures:
    state_dir: Path
    config: Config
    clock: Clock

    def look(self) -> Look:
        """Asks both, and waits for neither."""
        return Look(self.config.proxy.control, self.config.sessions.address, stamp(self.clock.now()))

    def note(self, release: Deployment, look: Look, step: str = "", edge: str = "") -> None:
        """Adds what a look has found. Raises Failed when the disk is full or broken."""
        found = look.sample()
        if not found.empty:
            kept = replace(of_release(found, release), step=step, edge=edge)
            samples_file.append(self.state_dir, release.id, msgspec.json.encode(kept))

    def note_now_and_then(self, release: Deployment) -> None:
        """While something is waited for: the longer a release lasts, the less often."""
        since = (self.clock.now() - moment(release.started_at)).total_seconds()
        if samples_file.age(self.state_dir, release.id) >= max(LEAST, since / SHARE):
            self.note(release, self.look())


def of_release(found: Sample, release: Deployment) -> Sample:
    """Only what concerns its two versions."""
    mine = (release.old, release.new)
    counted = tuple(each for each in found.counted if each.version in mine)
    sessions = found.sessions
    if sessions is not None:
        sessions = {version: sessions.get(version, 0) for version in mine}
    return replace(found, counted=counted, sessions=sessions)
