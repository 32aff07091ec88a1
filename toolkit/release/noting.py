"""Notes what users see while a runbook waits; a figure that cannot be had never delays or fails a release."""

from contextlib import suppress

from toolkit.errors import BgctlError
from toolkit.figures_taken import Figures
from toolkit.project import Project


def note(project: Project) -> None:
    """Adds a sample to the release that is under way, every now and then, however often it is called."""
    now = project.state_if_readable()
    if now and now.deployment:
        with suppress(BgctlError):
            Figures(project.state_dir, project.config, project.clock).note_now_and_then(now.deployment)
