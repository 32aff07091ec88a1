"""`setup/images --demo`: the images that the demo runs, and no other."""

from demo import story
from testbed.images import demo_app
from testbed.images.__main__ import FOR_DEMO
from toolkit.images import catalogue
from toolkit.images.catalogue import part


def test_the_demo_needs_its_stack_and_the_versions_of_its_story() -> None:
    stack = [image for image in FOR_DEMO if image in catalogue.IMAGES]
    versions = [image.args["VERSION"] for image in FOR_DEMO if image not in stack]
    assert [part(image) for image in stack] == ["proxy", "session-api"]
    assert versions == [story.OLD, story.NEW, story.NEXT]


def test_the_versions_of_the_demo_have_no_fault() -> None:
    assert not any(image.args["FAULT"] for image in demo_app.RELEASED)
    assert all(image.args["FAULT"] for image in demo_app.FAULTY)
