"""The form of a version's name; bgctl and the proxy have the same rule."""

from typing import Annotated

import msgspec

PATTERN = r"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z"
VersionName = Annotated[str, msgspec.Meta(pattern=PATTERN)]
