"""Images by name, id and digest, as docker and podman tell of them."""

import pytest

from toolkit.engine.compose_forms import repository
from toolkit.engine.images import ImageFacts, digests_of, plain_id, size_of

ID = "80b927e9dc1fdf34a48b6665c65f035e894b25e376af1e1a341bd1ced604d3d3"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("shop:1.6.8", "shop"),
        ("shop", "shop"),
        ("localhost:5000/ada/shop:1.6.8", "localhost:5000/ada/shop"),
        ("localhost:5000/shop", "localhost:5000/shop"),
        ("r.example/shop:1.6.8@sha256:00", "r.example/shop"),
        ("r.example/shop@sha256:00", "r.example/shop"),
    ],
)
def test_the_repository_of_a_name(image: str, expected: str) -> None:
    assert repository(image) == expected


@pytest.mark.parametrize("given", [ID, f"sha256:{ID}"])
def test_an_id_is_the_same_in_both_engines(given: str) -> None:
    assert plain_id(given) == ImageFacts(given).id == ID


@pytest.mark.parametrize(
    ("name", "digests", "expected"),
    [
        ("r.example/shop:1", ["r.example/shop@sha256:1"], ["r.example/shop@sha256:1"]),
        ("r.example/shop:1", ["other.example/shop@sha256:1"], []),
        ("nginx:1", ["docker.io/library/nginx@sha256:1"], ["docker.io/library/nginx@sha256:1"]),
        ("ada/shop:1", ["docker.io/ada/shop@sha256:1"], ["docker.io/ada/shop@sha256:1"]),
        ("docker.io/ada/shop:1", ["ada/shop@sha256:1"], ["ada/shop@sha256:1"]),
        ("shop:1", ["localhost/shop@sha256:1"], []),
        ("localhost/shop:1", ["localhost/shop@sha256:1"], []),
        ("r.example/s:1", ["r.example/s@sha256:1", "r.example/s@sha256:2"], ["r.example/s@sha256:2"]),
        ("shop:1", None, []),
    ],
)
def test_digests_are_those_of_the_registry_in_the_name(
    name: str, digests: list[str] | None, expected: list[str]
) -> None:
    assert digests_of(name, ImageFacts(ID, digests=digests))[:1] == expected[:1]


@pytest.mark.parametrize(
    ("text", "expected"), [("2.586GB", 2.586e9), ("94 MB", 94e6), ("0B", 0), ("12.5kB", 12500), ("", None)]
)
def test_sizes_as_engines_write_them(text: str, expected: float | None) -> None:
    assert size_of(text) == expected
