"""One conversation with a certificate authority, by certbot's library: account, order, challenges, chain."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from toolkit import __version__
from toolkit.acme import account, problems
from toolkit.acme.problems import AGAIN, Problem
from toolkit.config import acme_hosts
from toolkit.errors import Failed, Refused
from toolkit.project import Project

if TYPE_CHECKING:
    import requests
    from acme import messages
    from acme.client import ClientV2
    from josepy.jwk import JWKEC

WHOLE = 6  # so many times `timeout` may checks and issuing take together: a check is made from several places
NO_ACCOUNT = "accountDoesNotExist"


class Unissued(Failed):
    """The authority gave no certificate. `retry_after`: seconds for which it wants to be left alone, or 0."""

    retry_after = 0.0


class Authority:
    """`key` is our account's. Each method raises Unissued with what the authority has said, or has not."""

    def __init__(self, project: Project, key: "JWKEC") -> None:
        self._project, self._acme, self._key = project, project.config.acme, key
        self.name = urlsplit(self._acme.directory).netloc
        self._retry_after = ""
        self._client: ClientV2 | None = None

    @property
    def thumbprint(self) -> str:
        """Of the account's key: each challenge's text ends with it."""
        from josepy import b64

        return b64.b64encode(self._key.thumbprint()).decode()

    def connect(self) -> None:
        """Fetches the directory, and registers our account unless there is one."""
        with self._asking():
            self._client = self._new_client()
            self._enter(self._client)

    def order(self, csr: bytes) -> "messages.OrderResource":
        """An account that the authority has forgotten is registered again, once."""
        with self._asking():
            try:
                return self._there.new_order(csr)
            except Exception as error:
                if getattr(error, "code", "") != NO_ACCOUNT:
                    raise
            account.forget(self._project)
            self._enter(self._there)
            return self._there.new_order(csr)

    def open_challenges(self, order: "messages.OrderResource") -> dict[str, "messages.ChallengeBody"]:
        """The HTTP-01 challenge of each host that the authority wants to check, by host."""
        from acme.challenges import HTTP01
        from acme.messages import STATUS_VALID

        found = {}
        for each in order.authorizations:
            host = each.body.identifier.value
            offered = [one for one in each.body.challenges if isinstance(one.chall, HTTP01)]
            if each.body.status == STATUS_VALID:
                continue
            if not offered:
                raise Unissued(
                    f"{self.name} offers no check by HTTP for {host}", "", "name another directory"
                )
            found[host] = offered[0]
        return found

    def text(self, challenge: "messages.ChallengeBody") -> tuple[str, bytes]:
        """The name of the file that answers a challenge, and what is in it."""
        return challenge.chall.encode("token"), challenge.chall.validation(self._key).encode()

    def answer(self, challenges: "Sequence[messages.ChallengeBody]") -> None:
        """Tells the authority that it may look now."""
        with self._asking():
            for each in challenges:
                self._there.answer_challenge(each, each.chall.response(self._key))

    def checked(self, order: "messages.OrderResource") -> "messages.OrderResource":
        """Waits until the authority has checked every host."""
        with self._asking("has not checked the hosts"):
            return self._there.poll_authorizations(order, self._deadline())

    def chain(self, order: "messages.OrderResource") -> bytes:
        """Waits for the certificate; returns it with what issued it, in PEM."""
        with self._asking("has not issued the certificate"):
            done = self._there.finalize_order(order, self._deadline())
            return (done.fullchain_pem or "").encode()

    @property
    def _there(self) -> "ClientV2":
        assert self._client, "connect first"
        return self._client

    def _new_client(self) -> "ClientV2":
        from acme.client import ClientNetwork, ClientV2
        from josepy.jwa import ES256

        net = ClientNetwork(
            self._key,
            alg=ES256,
            user_agent=f"bgctl/{__version__}",
            timeout=self._acme.timeout,  # type: ignore[arg-type]  # requests takes parts of a second, too
        )
        if self._acme.ca_file:
            path = self._project.root / self._acme.ca_file
            if not path.is_file():
                raise Refused(f"{path} does not exist", "[acme] ca_file names it", "edit bgctl.toml")
            net.verify_ssl = str(path)  # type: ignore[assignment]  # requests takes a path as well
        net.session.hooks["response"].append(self._heed)
        return ClientV2(ClientV2.get_directory(self._acme.directory, net), net)

    def _enter(self, client: "ClientV2") -> None:
        """Uses the account that there is, or registers one; a changed e-mail address is told."""
        from acme import errors, messages

        known, email = account.record(self._project), self._acme.email or None
        body = messages.NewRegistration.from_data(email=email, terms_of_service_agreed=True)
        if known and known.email == (email or ""):
            client.net.account = messages.RegistrationResource(uri=known.uri, body=messages.Registration())
            return
        client.net.account = None
        try:
            made = client.new_account(body)
        except errors.ConflictError as error:
            made = messages.RegistrationResource(uri=error.location, body=messages.Registration())
            contact = messages.Registration.from_data(email=email, contact=())
            made = client.update_registration(made, contact)
        account.note(self._project, made.uri)

    def _heed(self, answer: "requests.Response", **_: object) -> None:
        """Keeps the Retry-After of an answer that is an error (RFC 8555, section 6.6)."""
        self._retry_after = "" if answer.ok else answer.headers.get("Retry-After", "")

    def _deadline(self) -> datetime:
        return datetime.now() + timedelta(seconds=WHOLE * self._acme.timeout)

    @contextmanager
    def _asking(self, slow: str = "has not answered") -> Iterator[None]:
        """Raises Unissued for all that the library raises; `slow`: what has not been done in time."""
        import requests
        from acme import errors, messages
        from josepy.errors import Error as JoseError

        try:
            yield
        except messages.Error as error:
            raise self._denied(_problems(error)) from None
        except errors.IssuanceError as error:
            raise self._denied(_problems(error.error)) from None
        except errors.ValidationError as error:
            raise self._denied(_failed_checks(error)) from None
        except errors.TimeoutError:
            why = f"within {WHOLE * self._acme.timeout:g} s"
            raise Unissued(f"{self.name} {slow}", why, f"later: {AGAIN}") from None
        except requests.Timeout:
            why = f"within {self._acme.timeout:g} s ([acme] timeout)"
            raise Unissued(f"{self.name} has not answered", why, f"later: {AGAIN}") from None
        except requests.RequestException as error:
            next = f"curl -v {self._acme.directory}; then: {AGAIN}"
            raise Unissued(f"{self.name} cannot be reached", _reason(error), next) from None
        except (errors.Error, JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            next = "is [acme] directory in bgctl.toml the right one?"
            raise Unissued(f"{self.name} answers nothing that is ACME", _reason(error), next) from None

    def _denied(self, found: list[Problem]) -> Unissued:
        error = Unissued(
            problems.what(self.name),
            problems.why(found),
            problems.next_step(found, acme_hosts.of(self._project.config)),
        )
        error.retry_after = retry_after(self._retry_after, datetime.now(UTC))
        return error


def retry_after(text: str, now: datetime) -> float:
    """Seconds, of a header that has seconds or a date (RFC 9110, section 10.2.3); 0 where it has neither."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    return 0.0


def _problems(error: "messages.Error") -> list[Problem]:
    """Of a compound error, its parts (RFC 8555, section 6.7.1)."""
    if error.subproblems:
        return [one for each in error.subproblems for one in _problems(each)]
    host = error.identifier.value if error.identifier else ""
    code = str(error.typ).rpartition(":")[2]
    return [Problem(code, error.detail or error.title or "", host)]


def _failed_checks(error: Exception) -> list[Problem]:
    """What was wrong with each host that failed its check."""
    found = []
    for each in getattr(error, "failed_authzrs", ()):
        faults = [
            one for challenge in each.body.challenges if challenge.error for one in _problems(challenge.error)
        ]
        found += [Problem(one.code, one.detail, each.body.identifier.value) for one in faults]
    return found


def _reason(error: Exception) -> str:
    """The innermost cause of an error, in one line."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return " ".join((str(error) or type(error).__name__).split())[:300]
