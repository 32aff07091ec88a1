"""The images of the demo app: a few versions, and some that have a fault."""

from toolkit.images.catalogue import PYTHON_BASE, Image
from toolkit.shipped import PREFIX


def demo_app(version: str, fault: str = "") -> Image:
    """One version of the demo app. A faulty one, for the tests, is a version of its own."""
    return Image(
        f"{PREFIX}/demo-app:{version}",
        PYTHON_BASE,
        {"compose/demo-app": "."},
        lock="demo-app",
        args={"VERSION": version, "FAULT": fault},
    )


RELEASED = (demo_app("1.6.7"), demo_app("1.6.8"), demo_app("1.6.9"))  # what `make demo` releases
FAULTY = (
    demo_app("1.6.8-unhealthy", fault="unhealthy"),
    demo_app("1.6.8-wrong-version", fault="wrong-version"),
    demo_app("1.6.8-crash", fault="crash-after-healthy"),
    demo_app("1.6.8-some-errors", fault="some-errors"),
    demo_app("1.6.8-deaf", fault="deaf"),
)
IMAGES = (*RELEASED, *FAULTY)
