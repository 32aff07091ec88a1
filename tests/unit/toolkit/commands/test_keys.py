"""bgctl keys: the app's own tokens, by its secret or its public key."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from session_api.keys import keyring, listing, signing_keys
from tests.unit.toolkit.support.worlds import World

pytestmark = pytest.mark.whole


def ring(world: World) -> dict[str, Any]:
    document = json.loads((world.root / "keys" / "verify" / "keyring.json").read_text())
    return {key["kid"]: key for key in document["keys"]} | {"sign": document["sign"]}


def said(world: World, *argv: str, code: int = 0) -> str:
    done = world.bgctl("keys", *argv)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def load(world: World) -> None:
    """As the session API does."""
    (world.root / "keys" / "admin" / "admin.key").chmod(0o640)
    keyring.load(world.root / "keys")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "JWT_SECRET"
    path.write_bytes(b"0123456789abcdef0123456789abcdef\n")
    return path


def test_an_imported_secret_is_believed_and_signs_nothing_of_ours(world: World, secret: Path) -> None:
    own = signing_keys.create(world.root / "keys")
    assert "the app's own tokens are accepted" in said(world, "import", "--secret-file", str(secret))
    shown = json.loads(world.bgctl("keys", "list", "--json").stdout)
    (imported,) = [key for key in shown if key["state"] == "imported"]
    assert (imported["alg"], imported["signedBy"], imported["issuer"]) == ("HS256", "app", None)
    assert ring(world)["sign"] == own.kid
    assert not list((world.root / "keys" / "signing").glob("*.secret"))
    kept = world.root / "keys" / "verify" / ring(world)[imported["kid"]]["file"]
    assert (kept.read_bytes(), kept.stat().st_mode & 0o777) == (secret.read_bytes(), 0o640)
    assert secret.read_text().strip() not in world.bgctl("keys", "list", "--json").stdout


def test_importing_again_changes_the_terms_alone(world: World, secret: Path) -> None:
    signing_keys.create(world.root / "keys")
    said(world, "import", "--secret-file", str(secret), "--kid", "shop")
    assert ring(world)["shop"] == ring(world)["shop"] | {"signedBy": "app"}
    assert "tokens of shop.example are" in said(
        world, "import", "--secret-file", str(secret), "--issuer", "shop.example"
    )
    assert (ring(world)["shop"]["issuer"], len(ring(world))) == ("shop.example", 3)
    assert "in the ring as shop" in said(world, "import", "--secret-file", str(secret), "--kid", "x", code=3)


def test_a_secret_that_signs_ours_goes_on_signing(world: World, secret: Path) -> None:
    """Of an older bgctl, which took no token of the app's without [tokens] issuer."""
    said(world, "init", "--import-secret-file", str(secret))
    path = world.root / "keys" / "verify" / "keyring.json"
    path.write_text(path.read_text().replace('"both"', '"us"'))
    (before,) = listing.describe(world.root / "keys")
    assert "it signs ours, too" in said(world, "import", "--secret-file", str(secret))
    (after,) = listing.describe(world.root / "keys")
    assert (before.state, after.state, after.kid, after.signed_by) == (
        "signing",
        "signing",
        before.kid,
        "both",
    )


@pytest.mark.threat(9)
def test_09_a_short_secret_is_taken_when_asked_for_and_never_signs(world: World, tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(b"s" * 23)
    refused = said(world, "init", "--import-secret-file", str(short), code=3)
    assert "a secret of 23 bytes; HS256 needs at least 32" in refused
    assert "keys import" in refused
    told = said(world, "init", "--import-secret-file", str(short), "--allow-short-secret")
    assert "can be guessed" in told
    states = {key.alg: (key.state, key.short_secret) for key in listing.describe(world.root / "keys")}
    assert states == {"EdDSA": ("signing", False), "HS256": ("imported", True)}
    other = tmp_path / "other"
    other.write_bytes(b"o" * 31)
    refused = said(world, "import", "--secret-file", str(other), code=3)
    assert refused.splitlines()[-1] == "next: bgctl keys import --allow-short-secret"
    assert "can be guessed" in said(world, "import", "--secret-file", str(other), "--allow-short-secret")
    refused = said(world, "rotate", "--alg", "HS256", "--import-secret-file", str(other), code=3)
    assert "31 bytes" in refused
    other.write_bytes(b"\n")
    assert "0 bytes" in said(world, "import", "--secret-file", str(other), "--allow-short-secret", code=3)
    load(world)


@pytest.mark.parametrize(
    ("private", "alg"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (rsa.generate_private_key(65537, 2048), "RS256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (rsa.generate_private_key(65537, 1024), None),
        (ec.generate_private_key(ec.SECP256K1()), None),
    ],
)
def test_a_public_key_is_imported_for_what_it_is(
    world: World, tmp_path: Path, private: Any, alg: str | None
) -> None:
    signing_keys.create(world.root / "keys")
    path = tmp_path / "key.pem"
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    path.write_bytes(private.public_key().public_bytes(serialization.Encoding.PEM, spki))
    if alg is None:
        assert "a public key for EdDSA, ECDSA or RSA is needed, as PEM" in said(
            world, "import", "--public-key-file", str(path), code=3
        )
        return
    assert f"({alg})" in said(world, "import", "--public-key-file", str(path), "--kid", "auth.1")
    assert (ring(world)["auth.1"]["alg"], ring(world)["auth.1"]["signedBy"]) == (alg, "app")
    load(world)


@pytest.mark.threat(1)
def test_01_a_key_that_fits_several_algorithms_is_bound_to_one(world: World, tmp_path: Path) -> None:
    signing_keys.create(world.root / "keys")
    path = tmp_path / "rsa.pem"
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    public = rsa.generate_private_key(65537, 2048).public_key()
    path.write_bytes(public.public_bytes(serialization.Encoding.PEM, spki))
    call = ("import", "--public-key-file", str(path))
    assert "is not a key for ES256: it is one for RS256, RS384, RS512, PS256, PS384, PS512\n" in said(
        world, *call, "--algorithm", "ES256", code=3
    )
    assert "shop (PS256): the app's own tokens for web are accepted" in said(
        world, *call, "--kid", "shop", "--algorithm", "PS256", "--audience", "web"
    )
    said(world, *call, "--issuer", "s")
    terms = {name: ring(world)["shop"].get(name) for name in ("alg", "issuer", "audience")}
    assert terms == {"alg": "PS256", "issuer": "s", "audience": None}, "it stays what it was bound to"
    said(world, *call, "--algorithm", "RS512")
    assert ring(world)["shop"]["alg"] == "RS512", "until another is named"
    load(world)


def test_the_algorithm_of_a_key_that_signs_ours_stays(world: World, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"s" * 64)
    said(world, "init", "--import-secret-file", str(path))
    refused = said(world, "import", "--secret-file", str(path), "--algorithm", "HS512", code=3)
    assert refused.endswith("signs for HS256\nnext: leave --algorithm out\n")
    path.write_bytes(b"t" * 63)
    refused = said(world, "import", "--secret-file", str(path), "--algorithm", "HS512", code=3)
    assert "is a secret of 63 bytes; HS512 needs at least 64" in refused
    path.write_bytes(b"t" * 64)
    assert "(HS512)" in said(world, "import", "--secret-file", str(path), "--algorithm", "HS512")
    load(world)


def test_a_private_key_is_not_imported(world: World, tmp_path: Path) -> None:
    signing_keys.create(world.root / "keys")
    path = next((world.root / "keys" / "signing").glob("*.pem"))
    for option in ("--public-key-file", "--secret-file"):
        said(world, "import", option, str(path), code=3)


def test_a_removed_key_is_gone_and_ours_are_not_removed(world: World, secret: Path) -> None:
    own = signing_keys.create(world.root / "keys")
    said(world, "import", "--secret-file", str(secret), "--kid", "shop")
    file = world.root / "keys" / "verify" / ring(world)["shop"]["file"]
    assert "would remove" in said(world, "remove", "shop", "--dry-run")
    assert file.exists()
    said(world, "remove", "shop")
    assert (set(ring(world)), file.exists()) == ({own.kid, "sign"}, False)
    assert "keys list" in said(world, "remove", "shop", code=3)
    assert "keys rotate" in said(world, "remove", own.kid, code=3)


@pytest.mark.parametrize(
    "argv",
    [
        *([], ["--issuer", "x"], ["--secret-file", "SECRET", "--public-key-file", "SECRET"]),
        *(["--secret-file", "SECRET", "--issuer", ""], ["--secret-file", "absent"]),
    ],
)
def test_what_import_is_not_told_is_a_mistake_of_usage(world: World, secret: Path, argv: list[str]) -> None:
    signing_keys.create(world.root / "keys")
    said(world, "import", *(str(secret) if each == "SECRET" else each for each in argv), code=2)


@pytest.mark.threat(4)
@pytest.mark.parametrize("kid", ["../x", "", "a b", "k" * 65, "-x"])
def test_04_a_kid_is_a_name(world: World, secret: Path, kid: str) -> None:
    signing_keys.create(world.root / "keys")
    said(world, "import", "--secret-file", str(secret), f"--kid={kid}", code=3)
    assert len(listing.describe(world.root / "keys")) == 1
    assert not list((world.root / "keys" / "verify").glob("*.secret")), "nothing is left behind"


def test_more_keys_than_are_tried_is_said(world: World, tmp_path: Path) -> None:
    signing_keys.create(world.root / "keys")
    path = tmp_path / "secret"
    for number in range(5):
        path.write_bytes(b"%d" % number * 40)
        told = said(world, "import", "--secret-file", str(path))
        assert ("more than 4 keys are for HS256" in told) == (number == 4)


@pytest.mark.threat(19)
def test_19_a_rotation_leaves_imported_keys_as_they_are(world: World, secret: Path) -> None:
    signing_keys.create(world.root / "keys")
    said(world, "import", "--secret-file", str(secret), "--kid", "shop", "--issuer", "s")
    before = ring(world)["shop"]
    said(world, "rotate")
    assert ring(world)["shop"] == before
