"""What a version may be called: as bgctl and the proxy have it."""

from typing import Annotated

import msgspec

PATTERN = r"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z"
VersionName = Annotated[str, msgspec.Meta(pattern=PATTERN)]
