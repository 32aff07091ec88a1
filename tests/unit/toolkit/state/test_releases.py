"""With which images each version was proven: the last proof counts, and nothing is noted twice."""

from msgspec.structs import replace

from toolkit.state.releases import MOST, Image, Release, Releases, dated

A, B, C = "a" * 64, "b" * 64, "c" * 64


def release(version: str, image_id: str, at: str = "2026-01-15T10:30:00Z") -> Release:
    image = Image(f"shop:{version}", image_id, ("web-blue", "web-green"))
    return Release(version, at, 7, (image,))


def test_the_last_proof_of_a_version_counts() -> None:
    known = Releases().noted(release("1.6.7", A)).noted(release("1.6.8", B)).noted(release("1.6.7", C))
    found = known.of("1.6.7")
    assert found is not None
    assert found.ids == {"shop:1.6.7": C}
    assert [each.version for each in known.last] == ["1.6.7", "1.6.8"]
    assert len(known.releases) == 3, "the earlier image of 1.6.7 is still known, to be pruned one day"
    assert known.of("1.6.6") is None


def test_the_same_proof_again_only_comes_to_the_end() -> None:
    known = Releases().noted(release("1.6.7", A)).noted(release("1.6.8", B))
    again = known.noted(release("1.6.7", A, "2026-01-16T10:30:00Z"))
    assert [each.version for each in again.releases] == ["1.6.8", "1.6.7"]
    assert dated(again.last) == "1.6.7 (2026-01-16), 1.6.8 (2026-01-15)"


def test_a_mark_is_for_the_last_proof_alone() -> None:
    known = Releases().noted(release("1.6.7", A)).noted(release("1.6.7", B)).marked("1.6.7", returned=True)
    assert [each.returned for each in known.releases] == [False, True]
    assert not any(each.returned for each in known.marked("1.6.7", returned=False).releases)


def test_images_are_found_by_service_and_by_name() -> None:
    worker = Image("worker:1.6.8", B, ("worker-green",))
    one = release("1.6.8", A)
    one = replace(one, images=(*one.images, worker))
    assert one.image_of("worker-green") == worker
    assert one.image_of("cache") is None
    assert Releases((release("1.6.7", C), one)).named("worker:1.6.8") == worker
    assert Releases().named("worker:1.6.8") is None


def test_the_oldest_go_when_there_are_many() -> None:
    known = Releases()
    for number in range(MOST + 3):
        known = known.noted(release(str(number), A))
    assert len(known.releases) == MOST
    assert known.releases[0].version == "3"
