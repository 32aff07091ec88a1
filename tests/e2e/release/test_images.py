"""Images in a real registry, with a log-in: proven by digest, brought back by digest, pruned (threat 98)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from testbed.project import name_of_its_own
from tests.e2e.support.registry import PASSWORD, ShopOnPodman, ShopStack, registry
from tests.e2e.support.stacks import running


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopStack]:
    """A stack whose first version was built by `bgctl up`. Each test releases versions of its own."""
    folder = tmp_path_factory.mktemp("images")
    with pytest.MonkeyPatch.context() as patch, registry(folder / "registry") as store:
        (folder / "docker").mkdir()
        patch.setenv("DOCKER_CONFIG", str(folder / "docker"))
        store.tell(folder / "docker" / "config.json", PASSWORD)
        with running(folder / "project", ShopStack, registry=store) as stack:
            assert isinstance(stack, ShopStack)
            stack.log_file = folder / "docker" / "config.json"
            yield stack


@pytest.fixture
def shop(house: ShopStack) -> Iterator[ShopStack]:
    """At rest, and logged in."""
    house.registry.tell(house.log_file, PASSWORD)
    yield house
    house.bgctl("rollback")


@pytest.mark.threat(98)
def test_98_a_release_is_noted_with_its_digest_and_blue_comes_back_as_it_was_proven(shop: ShopStack) -> None:
    version = shop.new_version()
    shop.bgctl("deploy", version, "--yes")
    noted = shop.recorded(version)
    assert noted["name"] == shop.image(version)
    digest = shop.registry.digest(shop.image(version))
    assert noted["digests"] == [f"{shop.registry.host}/shop/demo-app@{digest}"]
    proven = shop.image_id("frontend-blue")
    assert proven == f"sha256:{noted['id']}"
    assert shop.make(version, "other") != proven
    shop.bgctl("down", "--yes")
    done = shop.bgctl("up")
    assert shop.image_id("frontend-blue") == proven
    assert "is again the one that was proven" in done.stdout


@pytest.mark.parametrize("password", [None, "wrong"])
def test_a_push_without_the_log_in_names_it(shop: ShopStack, password: str | None) -> None:
    before = shop.state()
    shop.registry.tell(shop.log_file, password)
    done = shop.bgctl("deploy", shop.new_version(), "--yes", code=1)
    assert f"docker login {shop.registry.host}" in done.stderr
    assert shop.state() == before


@pytest.mark.threat(98)
def test_98_a_tag_that_moves_before_the_promotion_does_not_reach_blue(shop: ShopStack) -> None:
    version = shop.new_version()
    proven = shop.make(version, "proven")
    shop.bgctl("up-green", version)
    shop.bgctl("route", "enable-green")
    other = shop.make(version, "other")
    assert other != proven
    done = shop.bgctl("promote")
    assert shop.image_id("frontend-blue") == proven
    assert "is again the one that was proven" in done.stdout
    assert shop.version_of(shop.visitor()) == version


@pytest.mark.threat(98)
def test_98_a_version_is_built_again_by_a_release_at_rest(shop: ShopStack) -> None:
    version = shop.new_version()
    first = shop.make(version, "first")
    shop.bgctl("up-green", version)
    shop.bgctl("rollback")
    second = shop.make(version, "mended")
    shop.bgctl("up-green", version)
    assert shop.image_id("frontend-green") == second != first
    assert f"sha256:{shop.recorded(version)['id']}" == second
    shop.bgctl("rollback")
    done = shop.bgctl("rollback", "--to", "1.0.0", "--yes", code=3)
    assert f"known are {version} (20" in done.stderr, "what was never here is refused with what was"
    assert f"next: bgctl rollback --to {version}" in done.stderr


@pytest.mark.threat(98)
def test_98_an_older_version_comes_back_by_its_digest(shop: ShopStack) -> None:
    """Its image is gone from this machine, and its tag means another one in the registry."""
    old, new = shop.new_version(), shop.new_version()
    shop.bgctl("deploy", old, "--yes")
    proven = shop.image_id("frontend-blue")
    shop.bgctl("deploy", new, "--yes")
    shop.engine_says("rmi", shop.image(old))
    shop.make(old, "other")
    shop.engine_says("rmi", shop.image(old))
    for password in (None, "wrong"):
        shop.registry.tell(shop.log_file, password)
        done = shop.bgctl("rollback", "--to", old, "--yes", code=3)
        assert f"docker login {shop.registry.host}" in done.stderr
        assert f"{new} (20" in done.stderr, "what could be had"
        assert shop.state()["phase"] == "rest"
    shop.registry.tell(shop.log_file, PASSWORD)
    done = shop.bgctl("rollback", "--to", old, "--yes")
    assert "pulled as" in done.stdout
    assert shop.image_id("frontend-blue") == proven
    assert shop.version_of(shop.visitor()) == old
    assert "nothing to do" in shop.bgctl("rollback", "--to", old, "--yes").stdout


def test_prune_removes_what_is_long_gone_and_nothing_else(shop: ShopStack) -> None:
    versions = [shop.new_version() for _ in range(3)]
    for version in versions:
        shop.make(version, version)
        shop.bgctl("up-green", version)
        shop.bgctl("rollback")
    somebodys = f"localhost/{uuid4().hex[:8]}/somebodys:1"
    shop.engine_says("tag", shop.image(versions[0]), somebodys)
    try:
        plan = shop.ask("prune", "--keep", "1", "--dry-run")
        assert plan["dryRun"]
        assert shop.has_image(shop.image(versions[0]))
        report = shop.ask("prune", "--keep", "1")
        assert versions[2] in report["kept"]
        assert shop.state()["slots"]["blue"]["version"] in report["kept"]
        gone = {each["name"] for each in report["removed"]}
        assert {shop.image(version) for version in versions[:2]} <= gone
        assert not shop.has_image(shop.image(versions[1]))
        assert shop.has_image(somebodys)
        assert shop.has_image(shop.image(versions[2]))
        blue = shop.image(shop.state()["slots"]["blue"]["version"])
        assert shop.has_image(blue)
    finally:
        shop.engine_says("rmi", somebodys)


@pytest.mark.podman
@pytest.mark.threat(98)
def test_98_on_podman_a_version_is_noted_and_comes_back_by_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with registry(tmp_path / "registry") as store:
        insecure = f'[[registry]]\nlocation = "{store.host}"\ninsecure = true\n'
        (tmp_path / "registries.conf").write_text(insecure)
        store.tell(tmp_path / "auth.json", PASSWORD)
        monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(tmp_path / "registries.conf"))
        monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
        project = ShopOnPodman(tmp_path / "project", name_of_its_own("bgtimages"), registry=store)
        try:
            project.create()
            project.bgctl("up")
            project.bgctl("deploy", "2.0.1", "--yes")
            noted = project.recorded("2.0.1")
            digest = store.digest(project.image("2.0.1"))
            # podman tells its own digest, too, in an order that says nothing: each is tried.
            assert f"@{digest}" in "".join(noted["digests"])
            project.bgctl("deploy", "2.0.2", "--yes")
            report = project.ask("prune", "--keep", "1")
            assert project.image("2.0.1") not in {each["name"] for each in report["removed"]}, "it was before"
            project.engine_says("rmi", project.image("2.0.1"), f"{store.host}/shop/demo-app@{digest}")
            project.engine_says("tag", project.image("2.0.2"), project.image("2.0.1"))
            done = project.bgctl("rollback", "--to", "2.0.1", "--yes")
            assert "pulled as" in done.stdout
            (blue,) = project.containers("frontend-blue")
            assert project.engine_says("inspect", "--format", "{{.Image}}", blue).strip() == noted["id"]
        finally:
            project.remove()
