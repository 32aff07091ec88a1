"""A certificate is obtained of a real authority, and put into service; what serves is never lost."""

import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import trustme
from msgspec.structs import replace

from testbed.pebble import Pebble
from tests.unit.toolkit.support.acme_worlds import HOSTS, AcmeWorld
from tests.unit.toolkit.support.engines import Killed
from tests.unit.toolkit.support.worlds import BGCTL
from toolkit.acme import account, authority, challenge, install, obtain, standing
from toolkit.acme.authority import Unissued
from toolkit.clock import Clock, utc_now
from toolkit.errors import Failed, NotYet, Refused
from toolkit.files import atomic, lock
from toolkit.rendering import reload

pytestmark = pytest.mark.whole


def run(acme: AcmeWorld, force: bool = False, anyway: bool = True) -> str | None:
    return obtain.run(acme.project, force=force, anyway=anyway, dry_run=False)


def own(acme: AcmeWorld) -> bytes:
    """The certificate that is stored, in DER."""
    return install.own_der(install.check(acme.project, acme.pair))


def bgctl(acme: AcmeWorld, *argv: str) -> subprocess.CompletedProcess[str]:
    return acme.world.bgctl("certificate", *argv)


def test_obtained_and_not_again_before_it_is_due(acme: AcmeWorld) -> None:
    before = acme.shown()
    assert "next: bgctl certificate" in str(standing.hint(acme.project))
    assert str(run(acme)).startswith("shop.example, www.shop.example: in service, it is good until")
    assert before != acme.shown() == own(acme)
    assert set(install.check(acme.project, acme.pair).names) == set(HOSTS)
    assert (acme.pair.stat().st_mode & 0o777, acme.pair.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert (acme.pair.parent / "account.key").stat().st_mode & 0o777 == 0o600
    assert (acme.challenges(), standing.hint(acme.project)) == ([], None)
    assert run(acme) is None, "not due"
    first = acme.pair.read_bytes()
    assert run(acme, force=True)
    assert first != acme.pair.read_bytes()
    assert own(acme) == acme.shown()
    assert sorted(path.name for path in acme.pair.parent.glob("*.pem")) == ["certificate.pem"]
    assert [entry["what"] for entry in acme.world.history] == ["certificate", "certificate"]


def test_the_command_lists_what_there_is_and_is_silent_for_cron(acme: AcmeWorld) -> None:
    said = bgctl(acme, "--list").stdout
    assert said == "due: there is none yet; next: bgctl certificate\n"
    assert "would ask https://" in bgctl(acme, "--dry-run").stdout
    assert "no certificate has been obtained yet" in acme.world.bgctl("doctor").stdout
    run(acme)
    table = bgctl(acme, "--list").stdout
    assert "hosts" in table
    assert "Pebble" in table
    document = bgctl(acme, "--list", "--json").stdout
    assert '"daysLeft": 89' in document
    assert '"due": false' in document
    done = bgctl(acme, "--renew")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "shop.example" in acme.world.bgctl("doctor").stdout


def test_renewed_when_it_is_due(acme: AcmeWorld) -> None:
    run(acme)
    first = own(acme)
    later = Clock(now=lambda: utc_now() + timedelta(days=61))
    project = acme.project
    project.clock = later
    assert standing.look(project).verdict.due
    assert obtain.run(project, force=False, anyway=True, dry_run=False)
    assert first != own(acme) == acme.shown()


def test_the_account_is_registered_once_and_anew_where_it_is_forgotten(acme: AcmeWorld) -> None:
    run(acme)
    known = account.record(acme.project)
    assert known
    run(acme, force=True)
    assert account.record(acme.project) == known
    account.note(acme.project, known.uri + "gone")
    run(acme, force=True)
    assert account.record(acme.project) == known, "its key finds it"
    path = acme.root / "bgctl.toml"
    path.write_text(path.read_text().replace('email = ""', 'email = "ops@shop.example"'))
    run(acme, force=True)
    assert account.record(acme.project) == replace(known, email="ops@shop.example")


def test_a_host_that_is_checked_elsewhere_fails_and_waits(acme: AcmeWorld, authority: Pebble) -> None:
    before = acme.shown()
    with (
        authority.leading(HOSTS[1], "127.0.0.9"),
        pytest.raises(Unissued, match=rf"{HOSTS[1]}: .*\(connection\)") as caught,
    ):
        run(acme)
    assert "at port 80: look at its DNS records" in caught.value.next
    assert "it is asked again in " in caught.value.next
    assert (acme.challenges(), acme.shown()) == ([], before)
    with pytest.raises(NotYet, match=r"only in .*the last try: .*\(connection\)"):
        run(acme)
    quiet = bgctl(acme, "--renew")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (5, "", "")
    assert "the last try failed at" in bgctl(acme, "--list").stdout
    assert run(acme, force=True)


def test_a_host_that_the_authority_rejects(acme: AcmeWorld, authority: Pebble) -> None:
    acme.asks(authority.directory, authority.ca_file, hosts=("refused.example",))
    with pytest.raises(Unissued, match="rejectedIdentifier") as caught:
        run(acme)
    assert "remove refused.example from [acme] hosts" in caught.value.next


def test_a_proxy_that_serves_no_challenge_costs_no_order(acme: AcmeWorld) -> None:
    acme.edge.stop()
    with pytest.raises(Refused, match="does not serve challenges for shop") as caught:
        run(acme)
    assert "bgctl up" in caught.value.next
    assert standing.look(acme.project).notes.attempts == ()
    assert acme.challenges() == []


def test_a_name_that_leads_nowhere_is_refused_before_the_order(acme: AcmeWorld) -> None:
    with pytest.raises(Refused, match="its name cannot be looked up here") as caught:
        run(acme, anyway=False)
    assert "--anyway" in caught.value.next
    assert standing.look(acme.project).notes.attempts == ()


def test_a_new_one_that_is_not_shown_gives_way_to_the_one_before(acme: AcmeWorld) -> None:
    run(acme)
    first, content = own(acme), acme.pair.read_bytes()
    acme.edge.broken = True
    with pytest.raises(Failed, match="does not show the new certificate"):
        run(acme, force=True)
    assert (acme.pair.read_bytes(), acme.shown()) == (content, first)
    assert install.pending(acme.project).exists()
    assert "what had been obtained is in service" in str(run(acme))
    assert first != own(acme) == acme.shown()
    assert not install.pending(acme.project).exists()


def test_the_proxy_refuses_and_nothing_is_lost(acme: AcmeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    run(acme)
    first = acme.pair.read_bytes()

    def refuse(*_: str) -> str:
        raise Failed("nginx -t", "no")

    with monkeypatch.context() as patched:
        patched.setattr(acme.engine, "exec", refuse)
        with pytest.raises(Refused, match="refuses the new configuration"):
            run(acme, force=True)
    assert acme.pair.read_bytes() == first
    assert run(acme)


@pytest.mark.threat(42)
@pytest.mark.parametrize("at", range(10))
def test_42_killed_anywhere_the_next_run_ends_with_one_that_is_shown(
    acme: AcmeWorld, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """At each of the files that it writes, and at each word with the proxy."""
    run(acme)
    first, count = own(acme), 0

    def counted(call):
        def through(*a, **k):
            nonlocal count
            count += 1
            if count == at + 1:
                raise Killed
            return call(*a, **k)

        return through

    with monkeypatch.context() as patched:
        patched.setattr("toolkit.files.atomic.write", counted(atomic.write))
        patched.setattr(acme.engine, "exec", counted(acme.engine.exec))
        with pytest.raises(Killed):
            run(acme, force=True)
    assert acme.shown() in (first, own(acme)), "what was there, or what is stored"
    run(acme)
    assert own(acme) == acme.shown()
    assert acme.challenges() == []


def test_what_cannot_be_used_is_not_put_into_service(acme: AcmeWorld) -> None:
    other = trustme.CA().issue_cert("other.example").private_key_and_cert_chain_pem.bytes()
    account.folder(acme.project)
    install.pending(acme.project).write_bytes(other)
    assert run(acme)
    assert set(install.check(acme.project, acme.pair).names) == set(HOSTS)
    acme.pair.write_bytes(b"torn")
    assert "holds no certificate in PEM" in standing.look(acme.project).fault
    assert run(acme)
    assert own(acme) == acme.shown()


def test_one_run_at_a_time_and_releases_go_on(acme: AcmeWorld) -> None:
    project = acme.project
    with lock.held(account.folder(project), "certificate", project.now()):
        done = bgctl(acme)
        assert done.returncode == 4
        with project.change("something else"):
            pass


def test_what_another_bgctl_has_left_of_challenges_is_swept(acme: AcmeWorld) -> None:
    run(acme)
    mine = challenge.folder(acme.project) / "left"
    theirs = challenge.folder(acme.project) / "of-certbot"
    thumbprint = authority.Authority(acme.project, account.key(acme.project)).thumbprint
    mine.write_text(f"left.{thumbprint}")
    theirs.write_text("token.of-another-account")
    run(acme, force=True)
    assert acme.challenges() == [theirs]


def test_refusals_before_anything_is_asked(acme: AcmeWorld, tmp_path: Path) -> None:
    text = (acme.root / "bgctl.toml").read_text()
    (acme.root / "bgctl.toml").write_text(text.replace("agree_tos = true", "agree_tos = false"))
    done = bgctl(acme)
    assert done.returncode == 3
    assert "read its terms" in done.stderr
    (acme.root / "bgctl.toml").write_text(text.replace('ca_file = "authority.pem"', 'ca_file = "gone.pem"'))
    with pytest.raises(Refused, match=r"gone\.pem does not exist"):
        run(acme)
    (acme.root / "bgctl.toml").write_text(text)
    (acme.pair.parent / "account.key").write_text("broken")
    with pytest.raises(Refused, match="is no account key"):
        run(acme, force=True)


def test_without_the_extra_the_line_to_type_is_shown(acme: AcmeWorld) -> None:
    code = "import sys; sys.modules['acme'] = None; from toolkit.cli import main; main()"
    argv = [str(BGCTL.parent / "python"), "-c", code, "--project", str(acme.root), "certificate"]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 3
    assert "pip install 'bgctl[acme]'" in done.stderr


def test_hosts_of_services_are_in_it_and_one_more_makes_it_due(acme: AcmeWorld) -> None:
    run(acme)
    path = acme.root / "bgctl.toml"
    empty = "hosts = []                          # where"
    path.write_text(path.read_text().replace(empty, 'hosts = ["more.example"]  # where'))
    with pytest.raises(Refused, match=r"is not for more\.example") as caught:
        reload.wanted(acme.project)
    assert caught.value.next == "bgctl certificate"
    assert standing.look(acme.project).verdict.why == "more.example is not in it"
    assert run(acme)
    assert set(install.check(acme.project, acme.pair).names) == {*HOSTS, "more.example"}
    assert own(acme) == acme.shown()


def test_a_certificate_from_before_is_shown_until_there_is_one(acme: AcmeWorld) -> None:
    issued = trustme.CA().issue_cert("shop.example")
    pem = issued.private_key_and_cert_chain_pem.bytes()
    folder = acme.root / "proxy" / "tls"
    (folder / "from-before.pem").write_bytes(pem)
    conf = acme.root / "proxy" / "nginx.conf"
    conf.write_text(re.sub(r"tls/\w+\.pem", "tls/from-before.pem", conf.read_text()))
    _, loaded = reload.wanted(acme.project)
    assert loaded[0].found.pem.endswith(issued.cert_chain_pems[0].bytes())
    acme.start()
    assert run(acme)
    assert own(acme) == acme.shown()
