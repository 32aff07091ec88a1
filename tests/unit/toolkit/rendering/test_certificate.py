"""Certificates that must not be installed are named with their problem; the others become one file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from testbed import certificates
from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import NONE, READY, World
from toolkit.errors import Refused
from toolkit.release.folders import make_folders
from toolkit.rendering import certificate, reload, tls_files

pytestmark = pytest.mark.whole

NOW = datetime.now(UTC)
AUTHORITY = trustme.CA()
MIDDLE = AUTHORITY.create_child_ca()

# On the curve sect113r1, which no library of ours knows.
ODD = b"""-----BEGIN CERTIFICATE-----
MIIBIjCB7qADAgECAhRBPifSNZXa5nTDqSnLuBHgoJGB2DAKBggqhkjOPQQDAjAM
MQowCAYDVQQDDAF4MB4XDTI2MTEyNjE0NDU0NVoXDTI2MTIwNjE0NDU0NVowDDEK
MAgGA1UEAwwBeDA0MBAGByqGSM49AgEGBSuBBAAEAyAABAHPRxE3w11Q+J07XtFX
bwCsgR8U5PnfhgaObzOpUqNTMFEwHQYDVR0OBBYEFMsMvm5L2ZNHRfrmSlha9qEK
6treMB8GA1UdIwQYMBaAFMsMvm5L2ZNHRfrmSlha9qEK6treMA8GA1UdEwEB/wQF
MAMBAf8wCgYIKoZIzj0EAwIDIwAwIAIOVz92cHsOdgk+7bl60jACDiqQdfYsx0QK
TboQSCQq
-----END CERTIFICATE-----
"""


class Pair:
    """A chain of two and its key, in files."""

    def __init__(self, folder: Path) -> None:
        issued = MIDDLE.issue_cert("shop.example", "127.0.0.1", not_after=NOW + timedelta(days=90))
        self.chain = [pem.bytes() for pem in issued.cert_chain_pems]
        self.chain.append(MIDDLE.cert_pem.bytes()) if len(self.chain) == 1 else None
        self.key = issued.private_key_pem.bytes()
        self.paths = folder / "chain.pem", folder / "key.pem"
        self.write(self.chain, self.key)

    def write(self, chain: list[bytes], key: bytes) -> None:
        self.paths[0].write_bytes(b"".join(chain))
        self.paths[1].write_bytes(key)

    def load(self, now: datetime = NOW) -> certificate.Certificate:
        return certificate.load(*self.paths, now)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def private(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, password: bytes | None = None) -> bytes:
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


def test_a_good_pair_is_one_file(pair: Pair) -> None:
    found = pair.load()
    assert found.names == ("shop.example", "127.0.0.1")
    assert str(found) == f"shop.example, 127.0.0.1 until {found.until:%Y-%m-%d}"
    assert found.pem.count(b"BEGIN CERTIFICATE") == 2
    assert found.pem.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert found.file_name == pair.load().file_name
    assert not found.expires_soon(NOW)
    assert found.expires_soon(NOW + timedelta(days=77))


def test_files_that_will_not_do(pair: Pair, tmp_path: Path) -> None:
    chain, key = pair.chain, pair.key
    other = Pair(tmp_path / "..")
    loaded = load_pem_private_key(key, None)
    locked = loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    cases: list[tuple[list[bytes], bytes, str]] = [
        (chain, other.key, "do not belong together"),
        (chain[::-1], key, "wrong order.*number 2 in it"),
        ([*chain, other.chain[0]], key, "certificate 2 was not issued by number 3"),
        ([*chain, ODD], key, "certificate 2 was not issued by number 3"),
        ([ODD, *chain], key, "wrong order.*number 2 in it"),
        (chain, locked, "is encrypted"),
        (chain, b"no key", "holds no private key"),
        ([b"no certificate"], key, "holds no certificate"),
        ([key], key, "it is a private key"),
        (chain, private(ed25519.Ed25519PrivateKey.generate()), "browsers take RSA and EC"),
        (chain, private(rsa.generate_private_key(65537, 1024)), "of 1024 bits"),
    ]
    for wrong_chain, wrong_key, said in cases:
        pair.write(wrong_chain, wrong_key)
        with pytest.raises(Refused, match=said) as caught:
            pair.load()
        assert str(tmp_path) in str(caught.value)
        assert caught.value.next


def test_an_issuers_certificate_that_has_expired_is_named(pair: Pair) -> None:
    assert pair.load().ended == 0
    end = x509.load_pem_x509_certificate(pair.chain[1]).not_valid_after_utc
    assert pair.load(end).ended == 2


def test_a_file_that_is_missing_and_a_time_that_is_not_yet(pair: Pair) -> None:
    with pytest.raises(Refused, match="good only from"):
        pair.load(datetime(1990, 1, 1, tzinfo=UTC))
    pair.paths[1].unlink()
    with pytest.raises(Refused, match=r"the private key .*key\.pem cannot be read: No such file"):
        pair.load()


def with_tls(world: World, days: int = 90) -> trustme.CA:
    authority = certificates.make(world.root)
    certificates.renew(world.root, authority, days)
    path = world.root / "bgctl.toml"
    text = path.read_text()
    text = text.replace('certificate = ""', f'certificate = "{certificates.CHAIN}"')
    text = text.replace('key = ""', f'key = "{certificates.KEY}"')
    path.write_text(text.replace('listen = "0.0.0.0:443"', 'listen = "127.0.0.1:28443"'))
    world.put("rest", READY, NONE)
    return authority


def test_expired_is_refused_but_what_serves_may_go_on(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with_tls(world, days=-1)
    project, _ = project_of(world)
    with pytest.raises(Refused, match="expired on"):
        tls_files.wanted(project)
    found = certificate.load(world.root / certificates.CHAIN, world.root / certificates.KEY, NOW)
    make_folders(project)
    tls_files.write(project, tls_files.name_of(found), found.pem)
    assert [each.found for each in tls_files.wanted(project)] == [found]
    assert "expired on" in capsys.readouterr().err


def test_only_what_is_loaded_stays(world: World) -> None:
    authority = with_tls(world)
    project, _ = project_of(world)
    names = []
    for _ in range(3):
        certificates.renew(world.root, authority)
        files, (one,) = reload.wanted(project)
        reload.store(project, files)
        reload.mark_loaded(project, files)
        names.append(one.found.file_name)
        assert f"ssl_certificate /etc/bgctl/tls/{names[-1]};" in files["nginx.conf"].decode()
    folder = tls_files.folder(project)
    assert len(set(names)) == 3
    assert [path.name for path in folder.iterdir()] == names[-1:]
    assert (folder.stat().st_mode & 0o777, (folder / names[-1]).stat().st_mode & 0o777) == (0o750, 0o640)


def test_doctor_warns_of_a_certificate_that_is_not_renewed_or_not_loaded(world: World) -> None:
    authority = with_tls(world, days=13)
    assert "has not been renewed" in world.bgctl("doctor").stdout
    certificates.renew(world.root, authority)
    assert "bgctl reload" in world.bgctl("doctor").stdout


def test_reload_without_a_proxy_and_a_dry_run(world: World) -> None:
    with_tls(world)
    project, engine = project_of(world)
    files, _ = reload.wanted(project)
    reload.store(project, files)
    assert str(reload.run(project, dry_run=True)).startswith("would test and load")
    assert reload.loaded(project) is None
    engine.there.discard("proxy")
    with pytest.raises(Refused, match="the proxy does not run") as caught:
        reload.run(project)
    assert caught.value.next == "bgctl up"
