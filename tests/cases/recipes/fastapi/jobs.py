"""What workers do."""

import time

from version import VERSION


def shrink(word):
    time.sleep(0.2)
    return {"letters": len(word), "worker": VERSION}
