"""Authorities that are down, slow, or refuse: what is said, how long they are left alone, what serves on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from testbed import acme_faults
from testbed.pebble import Pebble
from testbed.ports import Ports
from tests.unit.toolkit.support.acme_worlds import AcmeWorld
from toolkit.acme import obtain, standing
from toolkit.acme.authority import Unissued, retry_after
from toolkit.errors import NotYet

pytestmark = pytest.mark.whole

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


def fails(acme: AcmeWorld) -> Unissued:
    """What a run says that fails. What was shown before is shown after it, and no challenge is left."""
    before = acme.shown()
    with pytest.raises(Unissued) as caught:
        obtain.run(acme.project, force=False, anyway=True, dry_run=False)
    assert acme.shown() == before
    assert acme.challenges() == []
    assert standing.look(acme.project).notes.failures == 1
    assert str(caught.value) == standing.look(acme.project).notes.failure
    return caught.value


def test_down(acme: AcmeWorld) -> None:
    url = f"https://127.0.0.1:{Ports.free().proxy}/dir"
    error = fails(acme.asks(url))
    assert "cannot be reached: " in str(error)
    assert "refused" in str(error)
    assert error.next.startswith(f"curl -v {url}; then: bgctl certificate")


def test_of_another_authority_than_the_one_that_is_trusted(acme: AcmeWorld, authority: Pebble) -> None:
    assert "certificate verify failed" in str(fails(acme.asks(authority.directory)))


def test_slow(acme: AcmeWorld) -> None:
    with acme_faults.silent() as url:
        error = fails(acme.asks(url, timeout="200ms"))
    assert "has not answered: within 0.2 s ([acme] timeout)" in str(error)


def test_limited_and_left_alone_for_as_long_as_it_says(acme: AcmeWorld, tmp_path: Path) -> None:
    words = "too many certificates (5) already issued for this exact set of hosts"
    with acme_faults.refusing(tmp_path / "ca.pem", "rateLimited", words, retry_after="7200") as url:
        error = fails(acme.asks(url, tmp_path / "ca.pem"))
        assert f"gave no certificate: {words} (rateLimited)" in str(error)
        assert "it is asked again in 2 h" in error.next
        for force in (False, True):
            with pytest.raises(NotYet, match=r"only in (2 h|1 h 59 min) .*too many certificates"):
                obtain.run(acme.project, force=force, anyway=True, dry_run=False)


@pytest.mark.parametrize(
    ("code", "status", "next"),
    [
        ("caa", 403, "its CAA records name other authorities"),
        ("serverInternal", 500, "bgctl certificate"),
        ("externalAccountRequired", 403, "it wants an account of its site"),
        ("badNonce", 400, "bgctl certificate"),
    ],
)
def test_refusing(acme: AcmeWorld, tmp_path: Path, code: str, status: int, next: str) -> None:
    with acme_faults.refusing(tmp_path / "ca.pem", code, "in their own words", status) as url:
        error = fails(acme.asks(url, tmp_path / "ca.pem"))
    assert f"in their own words ({code})" in str(error)
    assert error.next.startswith(next)


def test_no_acme_at_all(acme: AcmeWorld, tmp_path: Path) -> None:
    with acme_faults.refusing(tmp_path / "ca.pem", "", "") as url:
        error = fails(acme.asks(url, tmp_path / "ca.pem"))
    assert "answers nothing that is ACME" in str(error)
    assert "[acme] directory" in error.next


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("Thu, 15 Jan 2026 10:31:00 GMT", 60),
        ("Thu, 15 Jan 2026 10:29:00 GMT", 0),
        ("soon", 0),
        ("", 0),
        ("-5", 0),
        ("9" * 400, 999999999),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float) -> None:
    assert retry_after(text, NOW) == seconds
    assert retry_after(text, NOW + timedelta(days=1)) in (0, seconds)
